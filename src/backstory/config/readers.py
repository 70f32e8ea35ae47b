"""From what was written in a flag, a variable or a file to a typed value.

A reader takes text (flags and variables) or a TOML value, and raises `ValueError` with the
rest of a sentence that starts with the setting's name: "must be ...".
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backstory import limits
from backstory.errors import ConfigError
from backstory.security.urls import is_safe

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WORDS = {
    **dict.fromkeys(("true", "on", "yes", "1"), True),
    **dict.fromkeys(("false", "off", "no", "0"), False),
}


def switch(raw: object) -> bool:
    """A boolean, in the words that people use for one."""
    if isinstance(raw, bool):
        return raw
    value = _WORDS.get(raw.strip().lower()) if isinstance(raw, str) else None
    if value is None:
        raise ValueError("must be true or false (on, off, yes, no, 1 and 0 will do)")
    return value


def whole(smallest: int, largest: int, note: str = "") -> Callable[[object], int]:
    """A whole number between two bounds, both allowed."""

    def read(raw: object) -> int:
        text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
        if isinstance(text, str) and re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
            number = int(text)
            if smallest <= number <= largest:
                return number
        raise ValueError(f"must be a whole number from {smallest} to {largest}{note}")

    return read


def port_or_none(raw: object) -> int | None:
    """A port; nothing for none."""
    return None if raw in ("", None) else whole(0, 65535)(raw)


def one_of(*words: str) -> Callable[[object], str]:
    """One of a few words, in any case."""

    def read(raw: object) -> str:
        if isinstance(raw, str) and raw.strip().lower() in words:
            return raw.strip().lower()
        raise ValueError(f"must be one of {', '.join(words)}")

    return read


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host(raw: object) -> str:
    """An address to listen on: an IP address or a host name, without a port."""
    if isinstance(raw, str):
        text = raw.strip().removeprefix("[").removesuffix("]")
        if _is_ip(text) or (_HOSTNAME.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text)):
            return text
    raise ValueError("must be an IP address or a host name, without a port")


def hosts(raw: object) -> tuple[str, ...]:
    """Host names as they stand in a Host header, with or without a port; lower case."""
    parts = raw.split(",") if isinstance(raw, str) else raw
    if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
        names = tuple(part.strip().lower() for part in parts if part.strip())
        if all(_is_host_header(name) for name in names):
            return names
    raise ValueError("must be a list of host names such as 'context.example.com' or 'box:8765'")


def _is_host_header(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return False
    name = parts.hostname or ""
    known = _is_ip(name) or _HOSTNAME.fullmatch(name) is not None
    return known and parts.netloc == text and "@" not in text and port != 0


def public_url(raw: object) -> str | None:
    """The URL that clients see, without a trailing slash; empty means none."""
    if raw == "":
        return None
    if isinstance(raw, str):
        try:
            parts = urlsplit(raw.strip())
            known = bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        else:
            known &= parts.scheme in {"http", "https"} and "@" not in parts.netloc
            known &= not parts.query and not parts.fragment
        if known:
            return raw.strip().rstrip("/")
    raise ValueError("must be an http:// or https:// URL without user, query or fragment")


def networks(raw: object) -> tuple[str, ...]:
    """A list of IP addresses and networks in CIDR form."""
    try:
        found = tuple(str(ipaddress.ip_network(each)) for each in texts(raw))
    except ValueError:
        found = None
    if found is None or len(found) > limits.PROXY_NETWORKS:
        raise ValueError(
            f"must be a list of at most {limits.PROXY_NETWORKS} addresses or networks such as "
            "10.0.0.5 or 10.0.0.0/24"
        )
    return found


def texts(raw: object) -> tuple[str, ...]:
    """A list of texts without spaces."""
    parts = raw.split(",") if isinstance(raw, str) else raw
    if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
        found = tuple(part.strip() for part in parts if part.strip())
        if all(part.isprintable() and not re.search(r"[\s,]", part) for part in found):
            return found
    raise ValueError("must be a list of texts without spaces and commas")


def operators(raw: object) -> tuple[str, ...]:
    """A list of `tenant/subject`."""
    found = texts(raw)
    if len(found) <= limits.OPERATORS and all(
        tenant and slash and subject
        for tenant, slash, subject in (each.partition("/") for each in found)
    ):
        return found
    raise ValueError(f"must be a list of at most {limits.OPERATORS} TENANT/SUBJECT")


def origins(raw: object) -> tuple[str, ...]:
    """Origins of pages: scheme and host, with a port where it is not the usual one."""
    found = texts(raw)
    if all(public_url(each) and not urlsplit(each).path for each in found):
        return tuple(each.lower() for each in found)
    raise ValueError("must be a list of origins such as https://app.example.com")


def issuer(raw: object) -> str | None:
    """The URL that tokens name as their issuer, to the letter; empty means none."""
    if raw == "":
        return None
    try:
        public_url(raw)
    except ValueError:
        raise ValueError("must be the URL that tokens have as iss, without query") from None
    return str(raw).strip()


def keys_url(raw: object) -> str | None:
    """Where a JWK set is: `https:`, `file:`, or `http:` on this machine; empty means none."""
    if raw == "":
        return None
    if isinstance(raw, str):
        text = raw.strip()
        if text.startswith("file:") and text.removeprefix("file:").strip("/"):
            return text
        if is_safe(text):
            return text
    raise ValueError("must be https://... or file:PATH")


def asked_url(raw: object) -> str | None:
    """Where an issuer is asked: `https:`, or `http:` on this machine; empty means none."""
    if raw == "":
        return None
    if isinstance(raw, str) and is_safe(raw.strip()) and "@" not in urlsplit(raw.strip()).netloc:
        return raw.strip()
    raise ValueError("must be https://... without a user")


def claim(raw: object) -> str:
    """The name of a claim, or a JSON Pointer (RFC 6901)."""
    if isinstance(raw, str) and raw.strip() and raw.strip().isprintable():
        return raw.strip()
    raise ValueError("must be the name of a claim, or a JSON Pointer such as /realm_access/roles")


def processing(raw: object) -> str:
    """Rules for transforms as JSON: a table of the file, or JSON text. Empty means none."""
    if raw in ("", {}):
        return ""
    try:
        written: Any = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise ValueError('must be JSON such as {"rules": [{"transforms": ["hidden"]}]}') from None
    # Here, so that those who have no rules need not wait for all that transforms need.
    from backstory.processing.choosing import rules_of
    from backstory.processing.transforms.catalogue import extension_makers

    makers = extension_makers()  # a broken extension is no wrong setting
    try:
        rules_of(written, makers)
        return json.dumps(written)
    except (ConfigError, TypeError) as error:
        raise ValueError(f"is wrong: {error}") from None


def summariser(raw: object) -> str:
    """A summariser and its rules as JSON: a table of the file, or JSON text. Empty: none said."""
    if raw in ("", {}):
        return ""
    try:
        written: Any = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise ValueError('must be JSON such as {"provider": "openai", "model": "gpt-5"}') from None
    # Here, so that those who have the default need not wait for what an HTTP client needs.
    from backstory.summarising.making import read

    try:
        read(written)
        return json.dumps(written)
    except (ConfigError, TypeError) as error:
        raise ValueError(str(error)) from None


def path(raw: object) -> Path | None:
    """A file's path; empty means none."""
    if raw == "":
        return None
    if isinstance(raw, str) and "\0" not in raw and raw.strip():
        return Path(raw.strip())
    raise ValueError("must be the path of a file")


def secret(raw: object) -> str | None:
    """A key in printable ASCII; empty means none."""
    if raw == "":
        return None
    if isinstance(raw, str) and raw.isascii() and raw.strip().isprintable():
        return raw.strip() or None
    raise ValueError("must be printable ASCII")


def master_keys(raw: object) -> tuple[str, ...]:
    """What names master keys: a list, or text with commas between."""
    named = texts(raw)
    for one in named:
        scheme, colon, rest = one.partition(":")
        if not (colon and rest and scheme.replace("-", "").replace("_", "").isalnum()):
            raise ValueError("must be file:PATH, or NAME:... of an extension, commas between")
    return named


def models(raw: object) -> str:
    """Patterns of model names as JSON: a table of the file, or JSON text. Empty means none."""
    if raw in ("", {}):
        return ""
    try:
        written: Any = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise ValueError(
            'must be JSON such as {"my-model*": {"counter": "llama3", "format": "openai"}}'
        ) from None
    # Here, so that those who have no models of their own need not wait for the counters.
    from backstory.processing.accepted import with_extensions
    from backstory.rendering.models import Models

    forms = tuple(with_extensions().formats)
    try:
        Models.read(written, forms)
        return json.dumps(written)
    except (ConfigError, TypeError) as error:
        raise ValueError(f"is wrong: {error}") from None
