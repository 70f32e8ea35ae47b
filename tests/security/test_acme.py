"""A certificate comes from an authority by itself, is renewed in time, and a server takes it up."""

import datetime as dt
import json
import ssl
import stat

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from acme_authority import authority
from backstory import limits
from backstory.cli import main as cli
from postgres_server import free_port
from serving import serving, until

NAME = "context.example.com"


@pytest.fixture
def acme():
    with authority(free_port()) as found:
        yield found


@pytest.fixture
def renew(acme, tmp_path):
    """Runs the command."""

    def run(*more, domain=NAME, one_file=True, directory=None):
        files = ["--tls-certificate", str(tmp_path / "server.pem")]
        files += [] if one_file else ["--tls-key", str(tmp_path / "server.key")]
        where = ["--directory", directory or f"{acme.url}/directory", "--http-host", "127.0.0.1"]
        where += ["--http-port", str(acme.challenge_port), "--domain", domain, "--json"]
        return CliRunner().invoke(cli, ["certificate", "renew", *files, *where, *more])

    return run


def told(done):
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def serial(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


@pytest.mark.parametrize("one_file", [True, False])
def test_the_first_certificate_comes_with_its_chain_and_key_for_its_owner_alone(
    acme, renew, tmp_path, one_file
):
    found = told(renew("--domain", "b.example.com", one_file=one_file))
    assert (found["renewed"], found["names"]) == (True, [NAME, "b.example.com"])
    pem = tmp_path / "server.pem"
    first, second = x509.load_pem_x509_certificates(pem.read_bytes())
    first.verify_directly_issued_by(second)
    assert second == acme.root
    key = pem if one_file else tmp_path / "server.key"
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pem, key)
    account = tmp_path / "acme-account.json"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (pem, key, account)} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {pem.name, key.name, account.name}
    )


def test_it_stays_until_a_third_of_its_life_is_left_and_the_account_is_kept(acme, renew, tmp_path):
    told(renew())
    before = serial(tmp_path / "server.pem")
    again = told(renew())
    assert (again["renewed"], again["reason"]) == (False, None)
    assert serial(tmp_path / "server.pem") == before
    acme.age = dt.timedelta(days=59)
    told(renew("--force"))
    assert told(renew())["renewed"] is False
    acme.age = dt.timedelta(days=61)
    told(renew("--force"))
    acme.age = dt.timedelta(0)
    assert told(renew())["reason"].startswith("it ends in 28 days")
    assert (len(acme.accounts), acme.issued) == (1, 4)


def test_it_is_renewed_when_the_authority_asks_for_it_or_it_is_for_another_name(acme, renew):
    now = dt.datetime.now(dt.UTC)
    acme.window = now + dt.timedelta(days=1), now + dt.timedelta(days=2)
    told(renew())
    assert told(renew())["renewed"] is False
    acme.window = now - dt.timedelta(days=2), now - dt.timedelta(days=1)
    assert told(renew())["reason"] == "the authority asks for it"
    acme.window = None
    assert told(renew("--domain", "b.example.com"))["reason"] == "it is not for b.example.com"


def test_files_that_do_not_fit_each_other_are_replaced(renew, tmp_path):
    told(renew(one_file=False))
    key = (tmp_path / "server.key").read_bytes()
    told(renew("--force", one_file=False))
    (tmp_path / "server.key").write_bytes(key)
    assert told(renew(one_file=False))["renewed"] is True
    assert told(renew(one_file=False))["renewed"] is False


def test_a_nonce_that_was_used_is_tried_again(acme, renew):
    acme.bad_nonces = 1
    assert told(renew())["renewed"] is True


def test_a_web_server_may_show_the_challenge(acme, renew, tmp_path):
    root = tmp_path / "www"
    root.mkdir()
    shown = []
    acme._fetch = lambda name, path: shown.append((root / path[1:]).read_text()) or shown[-1]
    assert told(renew("--webroot", str(root)))["renewed"] is True
    assert len(shown) == 1
    assert [path for path in root.rglob("*") if path.is_file()] == []


def failed(done, code, said):
    assert done.exit_code in (1, 2), done.output
    assert f"({code})" in done.stderr
    assert said in done.stderr


def test_what_goes_wrong_is_told_and_leaves_the_files_as_they_were(acme, renew, tmp_path):
    told(renew())
    before = (tmp_path / "server.pem").read_bytes()
    acme._fetch = lambda name, path: "something else"
    failed(renew("--force"), "certificate_failed", f"{NAME} shows 'something else'")
    del acme._fetch
    for broken, said in (
        ("declines", "too many certificates"),
        ("no http-01", "does not offer http-01"),
        ("garbage", "could not be asked"),
    ):
        acme.broken = broken
        failed(renew("--force"), "certificate_failed", said)
    acme.broken = None
    acme.accounts.clear()
    failed(renew("--force"), "certificate_failed", "who are you")
    gone = f"http://127.0.0.1:{free_port()}/directory"
    failed(renew("--force", directory=gone), "certificate_failed", "could not be asked")
    assert (tmp_path / "server.pem").read_bytes() == before


def test_terms_have_to_be_agreed_to(acme, renew):
    acme.terms = "https://authority.example/terms"
    failed(renew(), "config_invalid", "https://authority.example/terms")
    assert told(renew("--agree"))["renewed"] is True


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"directory": "http://authority.example/directory"}, "https://"),
        ({"domain": "*.example.com"}, "DNS challenges"),
    ],
)
def test_what_cannot_be_had_is_refused_at_once(renew, more, said):
    failed(renew(**more), "config_invalid", said)


def test_an_account_that_is_damaged_stops_it(renew, tmp_path):
    told(renew())
    (tmp_path / "acme-account.json").write_text("{}")
    failed(renew("--force"), "config_invalid", "there is no account in")


def test_a_running_server_shows_the_new_certificate_and_open_connections_go_on(
    acme, renew, tmp_path, monkeypatch
):
    told(renew(domain="localhost"))
    pem = tmp_path / "server.pem"
    root = tmp_path / "root.pem"
    root.write_bytes(acme.root.public_bytes(Encoding.PEM))
    trusting = ssl.create_default_context(cafile=str(root))
    folder = tmp_path / "server"
    folder.mkdir()
    with serving(folder, "--tls-certificate", str(pem)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with httpx.Client(base_url=url, verify=trusting) as kept:
            assert kept.get("/livez").status_code == 200
            told(renew("--force", domain="localhost"))
            new = serial(pem)

            def shown():
                host, port = url.removeprefix("https://").split(":")
                text = ssl.get_server_certificate((host, int(port)))
                return x509.load_pem_x509_certificate(text.encode()).serial_number == new

            until(shown, "the new certificate")
            assert kept.get("/livez").status_code == 200
    assert limits.CERTIFICATE_RENEWED_AT == 3
