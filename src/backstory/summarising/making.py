"""From what an operator wrote to a summariser, and to the rules of what is done unasked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from backstory import extensions, limits
from backstory.domain.choosing import Choice, rules_from
from backstory.domain.keys import shorten
from backstory.errors import ConfigError
from backstory.extensions import SUMMARISERS, Extension, Group
from backstory.ports.summariser import EXTRACTIVE, Count, Summariser, When
from backstory.resilience.pace import Pace
from backstory.summarising.extractive import Extractive
from backstory.summarising.fallback import Fallback
from backstory.summarising.http import HttpSummariser, Model
from backstory.summarising.requests import PROVIDERS

_MEMBERS: Final = frozenset(
    {"provider", "url", "model", "key_file", "seconds", "try_seconds", "tries", "rules", "options"}
)
KNOWN: Final = frozenset({EXTRACTIVE, *PROVIDERS})
_RULE: Final = frozenset({"entries", "tokens", "keep", "length"})
_TOKENS: Final = (limits.SUMMARY_TOKENS_LEAST, limits.SUMMARY_TOKENS)

Make = Callable[[Mapping[str, Any]], Summariser]
"""Makes a summariser of an extension of its options. Raises ConfigError."""


def _held(extension: Extension, maker: Callable[..., Any]) -> Make:
    """The maker, whose errors name the extension."""

    def make(options: Mapping[str, Any]) -> Summariser:
        try:
            made = maker(dict(options))
        except Exception as error:
            raise ConfigError(f"{extension} refuses its options: {error}") from error
        if not isinstance(made, Summariser):
            raise ConfigError(f"{extension} made {type(made).__name__}, which is no Summariser")
        return made

    return make


GROUP: Final[Group[Make]] = Group(SUMMARISERS, KNOWN, _held)

Rules = Choice[When | None]
"""What is summarised in the background; None where no rule speaks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A summariser as it was written, checked but for its key."""

    provider: str = EXTRACTIVE
    url: str = ""
    model: str = ""
    key_file: str | None = None
    seconds: int = 20
    try_seconds: int = 10
    tries: int = 3
    options: Mapping[str, Any] = field(default_factory=dict)
    rules: Rules | None = None


def read(written: Any) -> Wanted:
    """What an operator wrote.

    Raises:
        ConfigError: something in it is not known, missing, or has no meaning here.
    """
    if not isinstance(written, dict):
        raise ConfigError("must be a table")
    if "key" in written:
        raise ConfigError("has no member key; name a key_file, or set summariser_key")
    unknown = [shorten(str(name)) for name in written if name not in _MEMBERS]
    if unknown:
        raise ConfigError(f"has no member {unknown[0]}; there are {', '.join(sorted(_MEMBERS))}")
    provider = _text(written, "provider", EXTRACTIVE)
    foreign = {} if provider in KNOWN else extensions.made(GROUP)
    if provider not in {*KNOWN, *foreign}:
        there = ", ".join([EXTRACTIVE, *PROVIDERS, *foreign])
        raise ConfigError(f"knows no provider {shorten(provider)}; there are {there}")
    options = written.get("options", {})
    if not isinstance(options, dict) or (options and provider not in foreign):
        raise ConfigError("options must be a table, for the provider of an extension")
    known = PROVIDERS.get(provider)
    if known is not None and not _text(written, "model", ""):
        raise ConfigError(f"needs the model that {provider} is to be asked for")
    return Wanted(
        provider,
        _url(_text(written, "url", known.url)) if known else "",
        _text(written, "model", ""),
        _text(written, "key_file", "") or None,
        _whole(written, "seconds", 20, 1, limits.SUMMARY_SECONDS),
        _whole(written, "try_seconds", 10, 1, limits.SUMMARY_SECONDS),
        _whole(written, "tries", 3, 1, limits.SUMMARY_TRIES),
        options,
        _rules(written.get("rules", [])),
    )


def _rules(written: Any) -> Rules | None:
    """None where there are none, so that nothing waits for what never comes."""
    rules = rules_from(written, _RULE, _when)
    return Choice(rules, None, most=limits.SUMMARY_RULES) if rules else None


def make(wanted: Wanted, key: str | None, count: Count, pace: Pace) -> Summariser:
    """The summariser; whatever it is, the extractive one stands behind it.

    Raises:
        ConfigError: the key cannot be read, or an extension refuses its options.
    """
    extractive = Extractive(count)
    if wanted.provider == EXTRACTIVE:
        return extractive
    name = f"{wanted.provider}:{wanted.model}" if wanted.model else wanted.provider
    provider = PROVIDERS.get(wanted.provider)
    if provider is None:
        return Fallback(name, extensions.made(GROUP)[wanted.provider](wanted.options), extractive)
    model = Model(
        provider,
        wanted.model,
        wanted.url,
        _key(wanted.key_file, key),
        wanted.seconds,
        wanted.try_seconds,
        wanted.tries,
    )
    return Fallback(name, HttpSummariser(model, pace), extractive)


def _key(file: str | None, given: str | None) -> str | None:
    if file is None:
        return given
    if given:
        raise ConfigError("summariser: there is a key_file and a summariser_key; leave one out")
    try:
        with Path(file).open("rb") as opened:
            raw = opened.read(limits.SECRET_BYTES + 1)
        key = raw.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"summariser: key_file {file} cannot be read: {_why(error)}") from error
    if not key or len(raw) > limits.SECRET_BYTES or not key.isprintable():
        raise ConfigError(f"summariser: key_file {file} holds no key")
    return key


def _why(error: OSError | UnicodeDecodeError) -> str:
    """Never the bytes, as the text of a decoding error has them."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _when(rule: Mapping[str, Any]) -> When | None:
    whole = partial(_whole, rule)
    entries = whole("entries", 0, 1, limits.SUMMARY_ENTRIES) or None
    tokens = whole("tokens", 0, 1, limits.RENDER_BUDGET) or None
    if entries is None and tokens is None:
        raise ConfigError("needs entries, tokens or both: from how many on it is summarised")
    return When(
        entries,
        tokens,
        whole("keep", limits.SUMMARY_KEEP_DEFAULT, 0, limits.SUMMARY_KEEP),
        whole("length", limits.SUMMARY_TOKENS_DEFAULT, *_TOKENS),
    )


def _text(written: Mapping[str, Any], name: str, default: str) -> str:
    value = written.get(name, default)
    if isinstance(value, str) and value.isprintable() and len(value) <= limits.KIB:
        return value
    raise ConfigError(f"{name} must be text")


def _whole(written: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = written.get(name, default)
    within = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    if within or name not in written:
        return int(value)
    raise ConfigError(f"{name} must be a whole number from {least} to {most}")


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0 and parts.scheme in {"http", "https"}
    except ValueError:
        known = False
    else:
        known = known and not parts.query and not parts.fragment and "@" not in parts.netloc
    if not known:
        raise ConfigError("url must be http:// or https://, without user, query or fragment")
    return url.rstrip("/")
