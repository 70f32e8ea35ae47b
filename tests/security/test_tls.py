"""TLS of the real server: what is spoken, who is let in, and certificates that are replaced."""

import contextlib
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest
import trustme
import yaml
from click.testing import CliRunner

from backstory.cli import main as cli
from serving import SECONDS, failing, serving, until

MANIFEST = Path(__file__).parents[2] / "deploy/kubernetes/components/tls/certificate.yaml"
HOSTS = ("localhost", "127.0.0.1")


class Files:
    """A certificate of an authority of the test's own, where a server is told to look."""

    def __init__(self, folder):
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self.authority = trustme.CA()
        self.issue()

    def issue(self, authority=None):
        """Replace both files, each at once, as an ACME client does."""
        issued = (authority or self.authority).issue_cert(*HOSTS)
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        _replace(self.certificate, chain)
        _replace(self.key, issued.private_key_pem.bytes())
        return issued

    @property
    def arguments(self):
        return ("--tls-certificate", str(self.certificate), "--tls-key", str(self.key))

    def trusting(self, minimum=ssl.TLSVersion.TLSv1_2):
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.minimum_version = minimum
        return context


def _replace(path, content):
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def shown(server, context):
    """The certificate that the server shows to a new connection, and the version spoken."""
    with (
        socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), SECONDS) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secure,
    ):
        return secure.getpeercert(binary_form=True), secure.version()


def serial(server, context):
    return shown(server, context)[0]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_everything_is_served_over_tls_1_3_and_browsers_are_told_to_stay(tmp_path, files, workers):
    with serving(tmp_path, *files.arguments, "--workers", workers) as server:
        assert server.url.startswith("https://")
        assert server.said["mcp"].startswith("https://")
        assert shown(server, files.trusting())[1] == "TLSv1.3"
        with server.client(verify=files.trusting()) as client:
            made = client.put(
                "/v1/contexts/users.1/notes", json={"kind": "preferences", "state": {}}
            )
            assert made.status_code == 201
            for path in ("/v1/contexts/users.1/notes", "/docs", "/livez", "/nowhere"):
                told = client.get(path).headers["strict-transport-security"]
                assert told == "max-age=31536000"


def test_older_versions_are_refused_unless_set(tmp_path, files):
    old = files.trusting()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(tmp_path, *files.arguments) as server, pytest.raises(ssl.SSLError):
        shown(server, old)
    with serving(tmp_path, *files.arguments, "--tls-minimum", "1.2") as server:
        assert shown(server, old)[1] == "TLSv1.2"
        assert shown(server, files.trusting())[1] == "TLSv1.3"
        weak = files.trusting()
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("AES128-SHA:ECDHE+AES+SHA:!AESGCM:@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            shown(server, weak)


def test_plain_http_gets_no_answer_and_no_redirect_that_could_be_forged(tmp_path, files):
    with serving(tmp_path, *files.arguments) as server:
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url.replace("https", "http") + "/livez", timeout=SECONDS)
        with server.client(verify=files.trusting()) as client:
            assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_clients_that_keep_their_connections_do_not_hold_up_the_end(tmp_path, files, workers):
    with (
        serving(tmp_path, *files.arguments, "--workers", workers) as server,
        server.client(verify=files.trusting()) as idle,
        server.client(verify=files.trusting()) as watching,
        watching.stream("GET", "/v1/changes", headers={"accept": "text/event-stream"}) as events,
    ):
        assert idle.get("/livez").status_code == 200
        pieces = events.iter_raw()
        next(pieces)
        assert server.stop() == 0
        assert list(pieces) == []  # it ended as it should
        assert "exceeded" not in server.errors()


def test_a_new_certificate_is_shown_to_new_connections_and_open_ones_go_on(tmp_path, files):
    with serving(tmp_path, *files.arguments) as server:
        context = files.trusting()
        with server.client(verify=context) as client:
            client.get("/livez")
            before = serial(server, context)
            files.issue()
            until(lambda: serial(server, context) != before, "the new certificate")
            kept = client.get("/livez", extensions={})
            assert kept.status_code == 200
        until(lambda: "the certificate was replaced" in server.errors(), "the word about it")


def test_a_mounted_secret_is_followed_when_its_folder_is_swapped(tmp_path):
    """Kubernetes writes a new folder, and turns the link `..data` to it at once."""
    secret, authority, turn = tmp_path / "tls", trustme.CA(), count()
    secret.mkdir()

    def mount():
        new = secret / f"..{next(turn)}"
        new.mkdir()
        issued = authority.issue_cert(*HOSTS)
        (new / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        (new / "tls.key").write_bytes(issued.private_key_pem.bytes())
        (secret / "..data_tmp").symlink_to(new.name)
        (secret / "..data_tmp").replace(secret / "..data")

    mount()
    (spec,) = [one["spec"] for one in yaml.safe_load_all(MANIFEST.read_text())]
    assert spec["secretName"] in MANIFEST.read_text().split("apiVersion")[0]
    for name in ("tls.crt", "tls.key"):  # as cert-manager names what is in the secret
        (secret / name).symlink_to(f"..data/{name}")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    arguments = ("--tls-certificate", secret / "tls.crt", "--tls-key", secret / "tls.key")
    with serving(tmp_path, *map(str, arguments)) as server:
        before = serial(server, context)
        mount()
        until(lambda: serial(server, context) != before, "the new certificate")


def test_a_wrong_new_certificate_is_told_once_and_the_former_one_goes_on(tmp_path, files):
    with serving(tmp_path, *files.arguments) as server:
        context = files.trusting()
        before = serial(server, context)
        good = files.key.read_bytes()
        _replace(files.key, trustme.CA().issue_cert("localhost").private_key_pem.bytes())

        def told():
            assert serial(server, context) == before
            return "belongs to another certificate" in server.errors()

        until(told, "the word about the wrong key")
        _replace(files.key, good)
        assert serial(server, context) == before
        _replace(files.certificate, b"garbage")
        until(lambda: told() and "no PEM certificate" in server.errors(), "the word about garbage")
        assert server.errors().count("belongs to another certificate") == 1


def test_with_mutual_tls_only_clients_of_the_authority_are_served(tmp_path, files):
    clients = trustme.CA()
    clients.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
    ours, foreign = clients.issue_cert("agent@example.com"), trustme.CA().issue_cert("a@b.example")
    wanted = ("--tls-client-ca", str(tmp_path / "clients.pem"))
    with serving(tmp_path, *files.arguments, *wanted) as server:
        known = files.trusting()
        ours.configure_cert(known)
        with server.client(verify=known) as client:
            assert client.get("/livez").status_code == 200
        stranger = files.trusting()
        foreign.configure_cert(stranger)
        for context in (files.trusting(), stranger):
            with (
                server.client(verify=context) as client,
                pytest.raises(httpx.TransportError),
            ):
                client.get("/livez")


def _locked(key, tmp_path):
    from cryptography.hazmat.primitives import serialization as s

    loaded = s.load_pem_private_key(key.read_bytes(), None)
    how = s.BestAvailableEncryption(b"secret")
    key.write_bytes(loaded.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, how))


WRONG = {
    "there is no certificate": (
        lambda files, _: files.certificate.unlink(),
        "cannot be read: No such file",
    ),
    "the certificate is garbage": (
        lambda files, _: files.certificate.write_text("garbage"),
        "there is no PEM certificate in",
    ),
    "there is no key": (lambda files, _: files.key.unlink(), "cannot be read: No such file"),
    "the key is of another certificate": (
        lambda files, _: files.key.write_bytes(
            trustme.CA().issue_cert("localhost").private_key_pem.bytes()
        ),
        "belongs to another certificate",
    ),
    "the key is encrypted": (
        lambda files, folder: _locked(files.key, folder),
        "has to be the unencrypted PEM",
    ),
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_wrong_files_stop_the_start_with_one_line(tmp_path, files, wrong):
    spoil, said = WRONG[wrong]
    spoil(files, tmp_path)
    with failing(tmp_path, *files.arguments) as server:
        assert server.wait() == 2
        (line,) = server.errors().splitlines()
        assert said in line
        assert line.endswith("(config_invalid)")


def test_a_key_without_a_certificate_stops_the_start(tmp_path, files):
    with failing(tmp_path, "--tls-key", str(files.key)) as server:
        assert server.wait() == 2
        assert "tls_key from --tls-key is for a certificate" in server.errors()


def test_key_and_certificate_may_lie_in_one_file(tmp_path, files):
    both = tmp_path / "both.pem"
    both.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    with (
        serving(tmp_path, "--tls-certificate", str(both)) as server,
        server.client(verify=files.trusting()) as client,
    ):
        assert client.get("/livez").status_code == 200


def test_garbage_instead_of_a_handshake_ends_that_connection_alone(tmp_path, files):
    with serving(tmp_path, *files.arguments) as server:
        port = int(server.url.rsplit(":", 1)[1])
        for sent in (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 70):
            with socket.create_connection(("127.0.0.1", port), SECONDS) as raw:
                raw.sendall(sent)
                with contextlib.suppress(ConnectionError):
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(4096):
                        pass
        with server.client(verify=files.trusting()) as client:
            assert client.get("/livez").status_code == 200


def test_a_certificate_that_ends_soon_is_warned_of_once_and_told_in_metrics(tmp_path, files):
    ends = datetime.now(UTC) + timedelta(days=5)
    issued = files.authority.issue_cert(*HOSTS, not_after=ends, not_before=ends - timedelta(100))
    files.certificate.write_bytes(issued.cert_chain_pems[0].bytes())
    files.key.write_bytes(issued.private_key_pem.bytes())
    with serving(tmp_path, *files.arguments) as server:
        with server.client(verify=files.trusting()) as client:
            pages = [client.get("/metrics").text for _ in range(3)]
        assert all("backstory_certificate_seconds " in page for page in pages)
        assert server.stop() == 0
        assert server.errors().count("the certificate ends soon") == 1


def doctor(*arguments):
    ran = CliRunner().invoke(cli, ["doctor", "--json", *arguments])
    found = json.loads(ran.output)["findings"]
    return next((one for one in found if one["name"] == "certificate"), None)


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [(-3.5, "failed", "ended 4 days ago"), (5.5, "warning", "more days"), (90, "ok", "localhost")],
)
def test_the_doctor_tells_how_long_a_certificate_holds(files, days, status, said):
    ends = datetime.now(UTC) + timedelta(days=days)
    issued = files.authority.issue_cert(*HOSTS, not_after=ends, not_before=ends - timedelta(100))
    files.certificate.write_bytes(issued.cert_chain_pems[0].bytes())
    files.key.write_bytes(issued.private_key_pem.bytes())
    found = doctor(*files.arguments)
    assert found["status"] == status
    assert said in found["detail"]


def test_the_doctor_tells_what_would_stop_the_start(files):
    files.key.write_text("garbage")
    assert doctor(*files.arguments)["status"] == "failed"
    assert doctor() is None
