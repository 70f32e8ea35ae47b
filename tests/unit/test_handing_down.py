"""Workers load the same settings as their supervisor, through the environment."""

from backstory.cli.serving.many import hand_down
from backstory.config import TABLE, load


def test_every_setting_reaches_a_worker():
    flags = {
        "port": 0,
        "workers": 3,
        "store": "sqlite:////tmp/a%20file%3F.db",
        "local_token": True,
        "search": False,
        "log_level": "debug",
        "allowed_hosts": "a.example,b.example:1",
        "public_url": "https://c.example/x",
        "history_days": 7,
        "auth_issuer": "https://login.example.com/",
        "auth_audience": "https://c.example/mcp,backstory",
        "auth_jwks": "file:keys.json",
        "auth_profile": "oidc",
        "auth_roles_claim": "/realm_access/roles",
        "operators": "acme/root,acme/https://login.example.com/7",
        "cors_origins": "https://app.example",
    }
    settings = load(flags, environ={})
    environ = {"BACKSTORY_CONFIG": "/nowhere", "PATH": "/bin"}
    hand_down(settings, environ)
    assert "BACKSTORY_CONFIG" not in environ
    assert load(environ=environ) == settings
    assert len([name for name in environ if name.startswith("BACKSTORY_")]) == len(TABLE)


def test_defaults_stay_what_they_are():
    environ = {}
    hand_down(load(environ={}), environ)
    assert load(environ=environ) == load(environ={})


def test_what_came_from_files_is_handed_down_as_a_value(tmp_path):
    (tmp_path / "store").write_text("sqlite:////tmp/one.db\n")
    (tmp_path / "summariser_key").write_text("a key\n")
    environ = {
        "BACKSTORY_STORE_FILE": str(tmp_path / "store"),
        "BACKSTORY_SECRETS": str(tmp_path),
    }
    settings = load(environ=environ)
    hand_down(settings, environ)
    (tmp_path / "store").unlink()
    assert load(environ=environ) == settings
    assert settings.summariser_key == "a key"
