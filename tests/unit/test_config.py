"""Settings: where a value comes from, and what a wrong one says."""

import dataclasses
from pathlib import Path

import pytest

from backstory.config import TABLE, Setting, Settings, StoreUrl, check_local_mode, load
from backstory.config.readers import host
from backstory.errors import ConfigError


def load_bare(flags=None, *, file=None, **environ):
    return load(flags, file=file, environ=environ)


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "backstory.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_anything_given_every_setting_has_its_default():
    settings = load_bare()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8765, 1)
    assert settings.store == StoreUrl("sqlite", Path(".backstory/backstory.db"))
    assert {settings.origin(name) for name in TABLE} == {"default"}


def test_a_flag_beats_a_variable_which_beats_the_file_which_beats_the_default(toml):
    file = toml("port = 1\nworkers = 2\nsearch = false")
    settings = load_bare({"port": "3"}, file=file, BACKSTORY_PORT="2", BACKSTORY_WORKERS="4")
    assert (settings.port, settings.workers, settings.search) == (3, 4, False)
    origins = [settings.origin(name) for name in ("port", "workers", "search", "host")]
    assert origins == ["--port", "BACKSTORY_WORKERS", str(file), "default"]


def test_a_flag_that_was_not_given_overrides_nothing():
    assert load_bare({"port": None}, BACKSTORY_PORT="2").port == 2


def test_the_file_may_be_named_by_a_variable(toml):
    assert load_bare(BACKSTORY_CONFIG=str(toml("port = 7"))).port == 7


def test_the_environment_is_read_when_none_is_given(monkeypatch):
    monkeypatch.setenv("BACKSTORY_PORT", "9")
    assert load().port == 9


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_bare().port = 1


def test_logs_are_for_people_on_a_terminal_and_for_programs_elsewhere(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert load_bare().log_format == "console"
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert load_bare().log_format == "json"


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("host", "[::1]", "::1"),
        ("host", "context-1.example.com", "context-1.example.com"),
        ("port", " 80 ", 80),
        ("port", 0, 0),
        ("local_token", "ON", True),
        ("search", "no", False),
        ("log_level", "WARNING", "warning"),
        ("cache", "memory://", "memory://"),
        ("cache", " REDIS://db ", "redis://db"),
        ("cache", "rediss://me:p%40ss@[::1]:6380/2", "rediss://me:p%40ss@[::1]:6380/2"),
        ("cache", "rediss://db?ssl_ca_certs=/ca.pem", "rediss://db?ssl_ca_certs=/ca.pem"),
        ("cache", "memcached://db", "memcached://db"),
        ("cache_megabytes", "0", 0),
        ("bus", " Store", "store"),
        ("bus", "postgres://db/x", "postgresql://db/x"),
        ("bus", "REDIS://:se%40cret@db:6380/2", "redis://:se%40cret@db:6380/2"),
        ("bus", "rediss://db?ssl_ca_certs=/ca.pem", "rediss://db?ssl_ca_certs=/ca.pem"),
        ("public_url", "https://example.com/context/", "https://example.com/context"),
        ("public_url", "", None),
        ("allowed_hosts", "A.example, box:8765,[::1]:80,", ("a.example", "box:8765", "[::1]:80")),
        ("allowed_hosts", ["a.example"], ("a.example",)),
        ("allowed_hosts", "", ()),
    ],
)
def test_a_value_is_read_in_the_forms_that_people_write(name, raw, value):
    assert getattr(load_bare({name: raw}), name) == value


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///file.db", "file.db"),
        ("sqlite:///data/file.db", "data/file.db"),
        ("sqlite:////var/lib/file.db", "/var/lib/file.db"),
        ("SQLite:///a%3Fb%25.db", "a?b%.db"),
    ],
)
def test_three_slashes_are_relative_and_four_absolute(url, path):
    store = load_bare({"store": url}).store
    assert store == StoreUrl("sqlite", Path(path))
    assert load_bare({"store": str(store)}).store == store


@pytest.mark.parametrize(
    ("name", "raw", "allowed"),
    [
        ("host", "", "an IP address or a host name"),
        ("host", "127.0.0.1:80", "without a port"),
        ("host", "1.2.3", "an IP address"),
        ("port", "65536", "a whole number from 0 to 65535"),
        ("port", "-1", "from 0 to 65535"),
        ("port", "http", "from 0 to 65535"),
        ("port", True, "from 0 to 65535"),
        ("port", 1.5, "from 0 to 65535"),
        ("port", "9" * 5000, "from 0 to 65535"),
        ("workers", "0", "from 1 to 64"),
        ("history_days", "1e3", "from 0 to 36500"),
        ("search", "maybe", "true or false"),
        ("search", 1, "true or false"),
        ("log_format", "xml", "one of console, json"),
        ("log_level", "loud", "one of debug, info, warning, error"),
        ("public_url", "example.com", "an http:// or https:// URL"),
        ("public_url", "https://me@example.com", "without user"),
        ("public_url", "https://example.com:port", "an http:// or https:// URL"),
        ("allowed_hosts", "https://example.com", "a list of host names"),
        ("allowed_hosts", "a b", "a list of host names"),
        ("allowed_hosts", 5, "a list of host names"),
        ("store", "file.db", "sqlite:///FILE"),
        ("store", "sqlite://file.db", "three slashes: relative"),
        ("store", "sqlite:///", "sqlite:///FILE"),
        ("store", "sqlite:///file.db?mode=ro", "sqlite:///FILE"),
        ("store", "sqlite:///:memory:", "would lose what it acknowledged"),
        ("store", "mysql://db/x", "sqlite:///FILE"),
        ("store", "postgresql://db", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("store", "postgresql://me@db:port/x", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("store", "postgresql://db/x?connections=1", "a number from 2"),
        ("store", "postgresql://db/x?pgbouncer=maybe", "pgbouncer is true or false"),
        ("cache", "memory", "memory://, redis://USER:PASSWORD@HOST:PORT/NUMBER"),
        ("cache", "memory://x", "memory://, redis://"),
        ("cache", "http://db", "memory://, redis://"),
        ("cache", "redis://", "memory://, redis://"),
        ("cache", "redis://db:0", "memory://, redis://"),
        ("cache", "redis://db:port", "memory://, redis://"),
        ("cache", "redis://db/name", "memory://, redis://"),
        ("cache", "redis://a..b", "memory://, redis://"),
        ("cache", "redis://db 2", "memory://, redis://"),
        ("cache", "redis://[::1", "memory://, redis://"),
        ("cache", "redis://:pa/ss@db", "memory://, redis://"),
        ("cache", "redis://db?ssl_ca_certs=/ca.pem", "nothing behind the ?"),
        ("cache", "rediss://db?max_connections=1", "only ssl_ca_certs, ssl_certfile"),
        ("cache", "memcached://me:secret@db", "Memcached asks for no password"),
        ("cache", "memcached://db:11211/1", "nothing behind it"),
        ("cache_megabytes", "-1", "from 0 to 1000000"),
        ("bus", "nats://x", "store, memory://, postgresql://"),
        ("bus", "redis", "redis://USER:PASSWORD@HOST:PORT"),
        ("bus", 5, "redis://USER:PASSWORD@HOST:PORT"),
        ("bus", "redis://", "redis://USER:PASSWORD@HOST:PORT"),
        ("bus", "redis://db:port", "redis://USER:PASSWORD@HOST:PORT"),
        ("bus", "redis://db/zero", "redis://USER:PASSWORD@HOST:PORT"),
        ("bus", "redis://db?timeout=5", "nothing behind the ?"),
        ("bus", "rediss://db?timeout=5", "only ssl_ca_certs, "),
        ("bus", "memory://x", "store, memory://, postgresql://"),
        ("bus", "postgresql://db", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("bus", "postgresql://db/x?pgbouncer=true", "the server itself, without pgbouncer"),
    ],
)
def test_a_wrong_value_is_one_line_naming_the_setting_its_origin_and_what_is_allowed(
    name, raw, allowed
):
    with pytest.raises(ConfigError) as caught:
        load_bare({name: raw})
    line = caught.value.detail
    assert line.startswith(f"{name} from {TABLE[name].flag} must be ")
    assert allowed in line
    assert "\n" not in line
    assert len(line) < 300


@pytest.mark.parametrize(
    ("raw", "dsn", "own"),
    [
        ("postgresql://me:p%40ss@db:5433/x", "postgresql://me:p%40ss@db:5433/x", (None, False)),
        ("postgres://db/x", "postgresql://db/x", (None, False)),
        (
            "postgresql://db/x?sslmode=require&connections=20&pgbouncer=true",
            "postgresql://db/x?sslmode=require",
            (20, True),
        ),
    ],
)
def test_a_database_is_named_by_a_url_that_is_handed_down_whole(raw, dsn, own):
    store = load_bare({"store": raw}).store
    assert (store.dsn, (store.connections, store.pgbouncer)) == (dsn, own)
    assert load_bare({"store": str(store)}).store == store
    assert "p%40ss" not in store.shown


def test_no_password_is_repeated_in_an_error():
    with pytest.raises(ConfigError) as caught:
        load_bare(BACKSTORY_STORE="postgresql://me:se/cr@et@db/x?sslpassword=secret&a=b")
    assert "postgresql://me:***@db/x?sslpassword=***&a=b" in caught.value.detail


def test_the_password_of_a_cache_is_not_shown():
    settings = load_bare({"cache": "redis://me:se%40cret@db:6380/1"})
    assert TABLE["cache"].shown(settings.cache) == "redis://me:***@db:6380/1"
    with pytest.raises(ConfigError) as caught:
        load_bare({"cache": "redis://me:se@cret@db/name"})
    assert "cret" not in caught.value.detail


def test_a_secret_is_masked_wherever_it_is_shown():
    secret = Setting("key", "A key", "", host, secret=True)
    assert secret.shown("hunter2") == "********"
    assert secret.shown(None) == ""


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [("BACKSTORY_PROT", "BACKSTORY_PORT"), ("BACKSTORY_CONFG", "BACKSTORY_CONFIG")],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(variable, nearest):
    with pytest.raises(ConfigError, match=f"{variable} is not known; did you mean {nearest}\\?"):
        load_bare(**{variable: "1"})


def test_variables_of_the_tests_and_of_others_are_ignored():
    assert load_bare(BACKSTORY_TEST_PORT="x", PORT="y").port == 8765


def test_an_unknown_key_in_the_file_is_an_error_that_names_the_nearest(toml):
    file = toml("worker = 2")
    with pytest.raises(ConfigError, match=r"'worker' in .*backstory.toml is not known; did you"):
        load_bare(file=file)


def test_an_unknown_key_near_to_nothing_says_where_to_look(toml):
    with pytest.raises(ConfigError, match=r"`backstory config` lists all"):
        load_bare(file=toml("[zzz]"))


def test_a_wrong_value_in_the_file_names_the_file(toml):
    file = toml('port = "x"')
    with pytest.raises(ConfigError, match=f"port from {file} must be"):
        load_bare(file=file)


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_one_clear_line(tmp_path, content):
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config from --config: .*x.toml' is not TOML: .+"):
        load_bare(file=file)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match=r"config from BACKSTORY_CONFIG names .*: No such file"):
        load_bare(BACKSTORY_CONFIG=str(tmp_path / "none.toml"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_without_authentication_loopback_addresses_are_served(address):
    check_local_mode(Settings(host=address))


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.x"])
def test_without_authentication_other_addresses_are_refused_with_what_to_set(address):
    with pytest.raises(ConfigError, match=r"host from BACKSTORY_HOST .* set --host") as caught:
        check_local_mode(load_bare(BACKSTORY_HOST=address))
    assert address in caught.value.detail


def test_a_key_that_stands_in_the_summariser_is_refused_and_not_repeated(tmp_path):
    written = '{"provider": "openai", "model": "m", "key": "sk-secret"}'
    with pytest.raises(ConfigError, match="summariser_key") as caught:
        load_bare(BACKSTORY_SUMMARISER=written)
    assert "sk-secret" not in caught.value.detail
    file = tmp_path / "backstory.toml"
    file.write_text('[summariser]\nprovider = "openai"\nmodel = "m"\nkey = "sk-secret"\n')
    with pytest.raises(ConfigError, match="summariser_key") as caught:
        load(file=file, environ={})
    assert "sk-secret" not in caught.value.detail


def test_the_key_of_the_summariser_is_masked():
    settings = load_bare(BACKSTORY_SUMMARISER_KEY=" sk-secret\n")
    assert settings.summariser_key == "sk-secret"
    assert TABLE["summariser_key"].shown(settings.summariser_key) == "********"
    assert "sk-secret" not in repr(settings)
    with pytest.raises(ConfigError) as caught:
        load_bare(BACKSTORY_SUMMARISER_KEY="sk-se\ncret")
    assert "sk-se" not in caught.value.detail


def test_a_summariser_is_checked_at_the_start():
    assert load_bare(BACKSTORY_SUMMARISER="").summariser == ""
    written = '{"provider": "anthropic", "model": "m"}'
    assert load_bare(BACKSTORY_SUMMARISER=written).summariser == written
    for wrong in ("{", "[]", '{"provider": "x"}'):
        with pytest.raises(ConfigError, match="summariser from BACKSTORY_SUMMARISER"):
            load_bare(BACKSTORY_SUMMARISER=wrong)


def test_each_variable_may_name_a_file_that_holds_its_value(tmp_path):
    (tmp_path / "store").write_text("postgresql://me:hush@db/context\n")
    (tmp_path / "port").write_text("1234")
    settings = load_bare(
        BACKSTORY_STORE_FILE=str(tmp_path / "store"), BACKSTORY_PORT_FILE=str(tmp_path / "port")
    )
    assert (settings.store.dsn, settings.port) == ("postgresql://me:hush@db/context", 1234)
    assert settings.origin("port") == "BACKSTORY_PORT_FILE"
    assert TABLE["store"].shown(settings.store) == "postgresql://me:***@db/context"


def test_a_folder_of_secrets_is_read_behind_variables_and_before_the_file(tmp_path, toml):
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, text in (
        ("port", "1"),
        ("BACKSTORY_WORKERS", "2"),
        ("search", "no"),
        ("..data", "x"),
    ):
        (folder / name).write_text(text)
    settings = load_bare(
        file=toml("workers = 3\nhistory_days = 4"),
        BACKSTORY_SECRETS=str(folder),
        BACKSTORY_PORT="5",
    )
    found = (settings.port, settings.workers, settings.search, settings.history_days)
    assert found == (5, 2, False, 4)
    assert settings.origin("workers") == str(folder / "BACKSTORY_WORKERS")


def test_what_an_image_sets_is_put_aside_by_anything_that_an_operator_says(tmp_path, toml):
    (tmp_path / "store").write_text("postgresql://me:hush@db/context")
    image = {
        "BACKSTORY_DEFAULT_STORE": "sqlite:////data/image.db",
        "BACKSTORY_DEFAULT_PORT": "1",
        "BACKSTORY_DEFAULT_WORKERS": "2",
        "BACKSTORY_DEFAULT_SEARCH": "no",
    }
    said = {"BACKSTORY_SECRETS": str(tmp_path), "BACKSTORY_PORT": "5"}
    settings = load_bare(file=toml("workers = 3"), **image, **said)
    assert settings.store.shown == "postgresql://me:***@db/context"
    assert (settings.port, settings.workers, settings.search) == (5, 3, False)
    assert settings.origin("search") == "BACKSTORY_DEFAULT_SEARCH"
    with pytest.raises(ConfigError, match="did you mean BACKSTORY_DEFAULT_STORE"):
        load_bare(BACKSTORY_DEFAULT_STROE="x")


def test_a_secret_that_cannot_be_used_stops_the_start_and_is_not_shown(tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("hushhush")
    large = tmp_path / "large"
    large.write_bytes(b"x" * 70_000)
    for environ in (
        {"BACKSTORY_PORT_FILE": str(wrong)},
        {"BACKSTORY_STORE_FILE": str(wrong)},
        {"BACKSTORY_STORE_FILE": str(large)},
        {"BACKSTORY_STORE_FILE": str(tmp_path)},
        {"BACKSTORY_STORE_FILE": str(tmp_path / "none")},
        {"BACKSTORY_SECRETS": str(tmp_path / "none")},
        {"BACKSTORY_PORT": "1", "BACKSTORY_PORT_FILE": str(wrong)},
        {"BACKSTORY_PROT_FILE": str(wrong)},
    ):
        with pytest.raises(ConfigError) as stopped:
            load_bare(**environ)
        assert "hush" not in str(stopped.value)
        assert "\n" not in str(stopped.value)


def test_two_files_for_one_setting_are_refused(tmp_path):
    for name in ("port", "BACKSTORY_PORT"):
        (tmp_path / name).write_text("1")
    with pytest.raises(ConfigError, match="two files for port"):
        load_bare(BACKSTORY_SECRETS=str(tmp_path))


def test_an_empty_variable_beside_a_file_puts_the_value_of_an_image_aside(tmp_path):
    (tmp_path / "store").write_text("sqlite:////srv/one.db")
    environ = {"BACKSTORY_STORE": "", "BACKSTORY_STORE_FILE": str(tmp_path / "store")}
    assert load(environ=environ).origin("store") == "BACKSTORY_STORE_FILE"
    with pytest.raises(ConfigError, match="both set"):
        load(environ=environ | {"BACKSTORY_STORE": "sqlite:////srv/two.db"})
