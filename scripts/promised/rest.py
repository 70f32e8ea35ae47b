"""Two OpenAPI documents: what a client of the older one relies on, and the newer has not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

from promised import shapes
from promised.shapes import Shapes

Operation = Mapping[str, Any]
_METHODS: Final = ("get", "put", "post", "patch", "delete", "options", "head", "trace")
SUNSET: Final = "x-sunset"


class Documents:
    """The document of a release, and today's."""

    def __init__(
        self,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        release: str,
        today: dt.date | None = None,
    ) -> None:
        self._old, self._new, self._release = old, new, release
        self._today = today or dt.datetime.now(dt.UTC).date()
        self._shapes = Shapes(old), Shapes(new)

    def breaks(self) -> Iterator[str]:
        """Each breaking change in a line that says where and what."""
        for path, method, old in _operations(self._old):
            where = f"{method.upper()} {path}"
            new = self._new["paths"].get(path, {}).get(method)
            if new is None:
                if not self._may_go(old):
                    yield f"{where}: it is gone"
                continue
            yield from (f"{where} {found}" for found in self._operation(old, new))
        yield from self._security()

    def _may_go(self, old: Operation) -> bool:
        """What was announced to go may be gone from its day on."""
        said = old.get(SUNSET)
        return bool(old.get("deprecated") and said) and (
            dt.date.fromisoformat(str(said)[:10]) <= self._today
        )

    def _security(self) -> Iterator[str]:
        old, new = (
            document.get("components", {}).get("securitySchemes", {})
            for document in (self._old, self._new)
        )
        for name, scheme in old.items():
            if new.get(name) != scheme:
                yield f"securitySchemes {name}: it is gone, or another"

    def _operation(self, old: Operation, new: Operation) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"operationId: {old.get('operationId')} is {new.get('operationId')} now"
        yield from self._parameters(old, new)
        yield from self._body(old, new)
        for status, reply in old["responses"].items():
            answer = new["responses"].get(status)
            if answer is None:
                yield f"answer {status}: it is gone"
                continue
            yield from (f"answer {status} {found}" for found in self._answer(reply, answer))

    # -- what is sent ------------------------------------------------------------------

    def _parameters(self, old: Operation, new: Operation) -> Iterator[str]:
        was, now = (
            {(each["in"], each["name"]): each for each in operation.get("parameters", ())}
            for operation in (old, new)
        )
        for (place, name), parameter in now.items():
            known = was.get((place, name))
            if parameter.get("required") and not (known and known.get("required")):
                yield f"{place} parameter {name}: it is required now"
        for (place, name), parameter in was.items():
            known = now.get((place, name))
            if known is None:
                yield f"{place} parameter {name}: it is gone"
                continue
            yield from (
                f"{place} parameter {name} {found}"
                for found in self._taken(parameter["schema"], known["schema"])
            )

    def _body(self, old: Operation, new: Operation) -> Iterator[str]:
        was, now = (operation.get("requestBody", {}) for operation in (old, new))
        if now.get("required") and not was.get("required"):
            yield "body: it is required now"
        for media, content in was.get("content", {}).items():
            known = now.get("content", {}).get(media)
            if known is None:
                yield f"body {media}: it is not taken any more"
                continue
            found = self._taken(content.get("schema", {}), known.get("schema", {}))
            yield from (f"body {media} {each}" for each in found)

    def _taken(self, old: Any, new: Any) -> Iterator[str]:
        before, now = self._shapes
        yield from shapes.taken((now, new), (before, old), self._release)

    # -- what is answered --------------------------------------------------------------

    def _answer(self, old: Operation, new: Operation) -> Iterator[str]:
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield f"header {name}: it is gone"
        before, now = self._shapes
        for media, content in old.get("content", {}).items():
            known = new.get("content", {}).get(media)
            if known is None:
                yield f"{media}: it is not answered any more"
                continue
            sides = (now, known.get("schema", {})), (before, content.get("schema", {}))
            found = shapes.understood(*sides, self._release)
            yield from (f"{media} {each}" for each in found)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield path, method, methods[method]
