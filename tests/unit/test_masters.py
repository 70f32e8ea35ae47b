"""Master keys: in files, and of extensions."""

import base64
import os

import pytest

from backstory.encryption import masters
from backstory.encryption.masters import FileMaster, make_file, masters_of
from backstory.errors import BrokenExtensionError, ConfigError, KeyUnusableError
from backstory.extensions import Extension

KEY = bytes(range(32))
SECRET = b"a root"


@pytest.mark.parametrize(
    "raw", [KEY, KEY.hex().encode(), base64.b64encode(KEY) + b"\n", KEY.hex().upper().encode()]
)
def test_a_file_holds_a_key_as_it_is_or_in_hex_or_base64(tmp_path, raw):
    path = tmp_path / "key"
    path.write_bytes(raw)
    (master,) = masters_of([f"file:{path}"])
    assert master.name == FileMaster(KEY).name
    assert master.unwrap(FileMaster(KEY).wrap(SECRET)) == SECRET


@pytest.mark.parametrize("raw", [b"", b"short", KEY + b"x", b"z" * 64, "ä".encode() * 16 + b"x"])
def test_what_is_no_key_is_refused_and_not_shown(tmp_path, raw):
    path = tmp_path / "key"
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match="no key of 32 bytes") as refused:
        masters_of([f"file:{path}"])
    assert not raw or raw.decode("latin-1") not in str(refused.value)


def test_another_key_unwraps_nothing_and_has_another_name():
    other = FileMaster(bytes(32))
    assert other.name != FileMaster(KEY).name
    with pytest.raises(KeyUnusableError):
        other.unwrap(FileMaster(KEY).wrap(SECRET))
    damaged = bytearray(other.wrap(SECRET))
    damaged[-1] ^= 1
    with pytest.raises(KeyUnusableError):
        other.unwrap(bytes(damaged))


def test_a_new_key_is_for_its_owner_only_and_never_replaces_one(tmp_path):
    path = tmp_path / "key"
    make_file(path)
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists"):
        make_file(path)
    assert path.read_bytes() == before
    with pytest.raises(ConfigError):
        masters_of([f"file:{tmp_path / 'none'}"])


class Service:
    """As one for a service of keys would be."""

    def __init__(self, argument):
        if argument == "broken":
            raise OSError(argument)
        self.name = f"service-{argument}"

    def wrap(self, secret):
        return secret[::-1]

    def unwrap(self, wrapped):
        if wrapped == b"lost":
            raise OSError("the network")
        return wrapped[::-1]


def test_an_extension_keeps_keys_where_it_likes(monkeypatch):
    extension = Extension(masters.GROUP.name, "kms", "package:Service")

    def made(group):
        return {"kms": group.make(extension, Service)}

    monkeypatch.setattr(masters.extensions, "made", made)
    (master,) = masters_of(["kms:eu/1"])
    assert master.name == "service-eu/1"
    assert master.unwrap(master.wrap(SECRET)) == SECRET
    with pytest.raises(BrokenExtensionError, match="kms"):
        master.unwrap(b"lost")
    with pytest.raises(ConfigError, match="kms"):
        masters_of(["kms:broken"])
    with pytest.raises(ConfigError, match="there are file, kms"):
        masters_of(["aws:x"])
    nothing = masters.GROUP.make(extension, lambda _: os)
    with pytest.raises(ConfigError, match="wrap"):
        nothing("x")
