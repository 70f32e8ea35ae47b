"""Redaction: secrets and personal data become `[redacted:<category>]`, and are counted.

One look at the bytes decides for most documents that there is nothing to do. Where there
is, all texts are searched as one, with NUL between them, which no pattern crosses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

import phonenumbers

from backstory import limits
from backstory.errors import ConfigError
from backstory.processing.transforms import personal, secrets
from backstory.processing.transforms.patterns import BytesPattern
from backstory.processing.transforms.personal import CARD, EMAIL, PHONE
from backstory.processing.transforms.secrets import CREDENTIALS
from backstory.processing.transforms.transform import Text

CATEGORIES: Final = frozenset({*secrets.PATTERNS, EMAIL, CARD, PHONE})
_BREAK: Final = "\0"
_DOMAIN_BYTES: Final = 256  # RFC 1035 section 2.3.4
_MASK_OF_CREDENTIALS: Final = f"[redacted:{CREDENTIALS}]"

_Find = Callable[[bytes], Iterator[tuple[int, int, str]]]


class Redact:
    """Masks what the chosen categories find.

    `region` (ISO 3166-1 alpha-2, such as "DE") lets telephone numbers without a country
    code be known too. Equal where it is made of the same.
    """

    name = "redact"

    def __init__(self, categories: frozenset[str] = CATEGORIES, region: str | None = None) -> None:
        """Compiles its patterns, in some milliseconds, once for each choice.

        Raises:
            ConfigError: a category or the region is not known.
        """
        unknown = categories - CATEGORIES
        if unknown:
            raise ConfigError(
                f"unknown categories {', '.join(sorted(unknown))}; there are "
                f"{', '.join(sorted(CATEGORIES))}"
            )
        if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
            raise ConfigError(f"{region!r} is no region with telephone numbers, such as DE")
        self.categories, self.region = categories, region
        self._hint = _compiled(_hints(categories, region))
        self._forms = {name: _compiled(_form(name)) for name in _ORDER if name in categories}
        self._any = _compiled(b"|".join(_form(name) for name in self._forms) or rb"\x00[^\x00]\x00")

    def suspects(self, raw: bytes) -> bool:
        return self._hint.found_in(raw)

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        values = self._named(texts, counts)
        if any(_BREAK in value for value in values):
            return [self._masked(value, counts) for value in values]
        return self._masked(_BREAK.join(values), counts).split(_BREAK) if values else []

    def _named(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        """The texts, with a mask where a member's name says that its value is secret."""
        if CREDENTIALS not in self.categories:
            return [value for value, _ in texts]
        named = [
            _MASK_OF_CREDENTIALS
            if member is not None and value and secrets.names_secret(member)
            else value
            for value, member in texts
        ]
        changed = sum(new != old for new, (old, _) in zip(named, texts, strict=True))
        if changed:
            counts[f"{self.name}:{CREDENTIALS}"] += changed
        return named

    def _masked(self, text: str, counts: Counter[str]) -> str:
        data = text.encode()
        data = self._replaced(data, self._formed, counts)
        if CARD in self.categories:
            data = self._replaced(data, _cards, counts)
        if PHONE in self.categories:
            data = self._replaced(data, self._phones, counts)
        return data.decode()

    def _replaced(self, data: bytes, find: _Find, counts: Counter[str]) -> bytes:
        kept, end = [], 0
        for start, stop, category in find(data):
            counts[f"{self.name}:{category}"] += 1
            kept += [data[end:start], f"[redacted:{category}]".encode()]
            end = stop
        return b"".join([*kept, data[end:]]) if kept else data

    def _formed(self, data: bytes) -> Iterator[tuple[int, int, str]]:
        end = 0
        for start, stop in self._any.spans(data):
            if start < end:
                continue
            category = self._category(data[start:stop])
            if secrets.plausible(category, data[start:stop]):
                yield _without_frame(data, start, stop, category)
            elif EMAIL in self._forms:
                # The words that were taken for a key may have swallowed where one begins.
                for first, last in self._forms[EMAIL].spans(data, start, stop + _DOMAIN_BYTES):
                    if first < stop:
                        end = last
                        yield first, last, EMAIL

    def _category(self, found: bytes) -> str:
        return next(name for name, form in self._forms.items() if form.is_all_of(found))

    def _phones(self, data: bytes) -> Iterator[tuple[int, int, str]]:
        looked_up = 0
        for start, stop in _phone_runs(local=self.region is not None).spans(data):
            looked_up += 1
            if looked_up > limits.PHONE_LOOKUPS:
                # Too many to ask for each; what looks like one is taken for one.
                yield start, stop, PHONE
                continue
            run = data[start:stop].decode()
            for first, last in personal.phones(run, self.region):
                before, inside = len(run[:first].encode()), len(run[:last].encode())
                yield start + before, start + inside, PHONE


_ORDER: Final = (*secrets.PATTERNS, EMAIL)


def _cards(data: bytes) -> Iterator[tuple[int, int, str]]:
    for start, stop in _compiled(personal.CARD_RUN).spans(data):
        for first, last in personal.cards(data[start:stop]):
            yield start + first, start + last, CARD


def _without_frame(data: bytes, start: int, stop: int, category: str) -> tuple[int, int, str]:
    """What of a match is secret: not the `://` and `@` around credentials, nor `Bearer `."""
    if category == CREDENTIALS:
        return start + 3, stop - 1, category
    if data[start : start + 6].lower() == b"bearer":
        return stop - len(data[start:stop].split()[-1]), stop, category
    return start, stop, category


def _form(category: str) -> bytes:
    if category == EMAIL:
        return personal.EMAIL_PATTERN
    return secrets.PATTERNS[category]


def _hints(categories: frozenset[str], region: str | None) -> bytes:
    hints = [secrets.HINTS[name] for name in secrets.HINTS if name in categories]
    hints += [personal.EMAIL_HINT] if EMAIL in categories else []
    hints += [personal.CARD_HINT] if CARD in categories else []
    hints += [personal.PHONE_RUN] if PHONE in categories else []
    hints += [personal.LOCAL_RUN] if PHONE in categories and region else []
    return b"|".join(hints) or rb"\x00[^\x00]\x00"


def _phone_runs(*, local: bool) -> BytesPattern:
    return _compiled(
        personal.PHONE_RUN + rb"|" + personal.LOCAL_RUN if local else personal.PHONE_RUN
    )


@cache
def _compiled(pattern: bytes) -> BytesPattern:
    return BytesPattern(pattern)
