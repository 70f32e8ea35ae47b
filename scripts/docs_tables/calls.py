"""REST, call by call, out of the OpenAPI document that the server itself answers with."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from docs_tables.markdown import code, rows
from docs_tables.schemas import PAGE, kind, words

_CODE = re.compile(r"(?:^|; )`(\w+)`: ")
EVERYWHERE = ("namespace", "name", "If-Match", "If-None-Match", "Idempotency-Key")
"""Parameters that are told once, at the head of the page."""


@cache
def document() -> dict[str, Any]:
    from backstory.transports.rest import openapi
    from backstory.transports.rest.endpoints import ENDPOINTS

    return openapi.document(ENDPOINTS)


def calls() -> str:
    """Each call under the heading of its tag, with what it takes and answers."""
    parts = []
    for tag in document()["tags"]:
        parts.append(f"## {tag['name']}\n")
        parts += [
            part
            for path, operations in document()["paths"].items()
            for method, operation in operations.items()
            if operation["tags"] == [tag["name"]]
            for part in call(method.upper(), path, operation)
        ]
    return "\n".join(parts)


def call(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {operation['summary']}\n"
    yield f"    {method} {path}\n"
    yield f"{words(operation['description'])}\n"
    own = [each for each in operation["parameters"] if each["name"] not in EVERYWHERE]
    if own:
        yield rows(
            ("parameter", "in", "type", "meaning"),
            *(
                (
                    code(each["name"]) + (" (needed)" if each.get("required") else ""),
                    each["in"],
                    kind(each["schema"], PAGE),
                    words(each["description"]),
                )
                for each in own
            ),
        )
    also = [code(each["name"]) for each in operation["parameters"] if each["in"] == "header"]
    if also:
        yield f"Headers: {', '.join(also)}\n"
    if body := operation.get("requestBody"):
        yield rows(
            ("body", "shape"),
            *((code(media), kind(each["schema"], PAGE)) for media, each in body["content"].items()),
        )
    yield rows(
        ("status", "answer"),
        *((status, answer(reply)) for status, reply in operation["responses"].items()),
    )


def answer(reply: dict[str, Any]) -> str:
    """What a status means; a problem by its codes, anything else with its shape."""
    content = reply.get("content", {})
    if "application/problem+json" in content:
        return ", ".join(map(code, _CODE.findall(reply["description"])))
    shapes = [kind(each["schema"], PAGE) for each in content.values() if "$ref" in str(each)]
    return " ".join([words(reply["description"]), *(f"({shape})" for shape in shapes)])


def shapes() -> str:
    """Each shape with its members."""
    parts = []
    for name, schema in sorted(document()["components"]["schemas"].items()):
        parts.append(f"## {name}\n")
        if about := schema.get("description"):
            parts.append(f"{words(about)}\n")
        if "properties" not in schema:
            parts.append(f"{kind(schema)}\n")
            continue
        needed = schema.get("required", [])
        parts.append(
            rows(
                ("member", "type", "meaning"),
                *(
                    (
                        code(member) + ("" if member in needed else " (optional)"),
                        kind(each),
                        words(meaning(each)),
                    )
                    for member, each in schema["properties"].items()
                ),
            )
        )
    return "\n".join(parts)


def meaning(schema: dict[str, Any]) -> str:
    """What is said of a member, or of one of the things that it may be."""
    said = [schema, *schema.get("anyOf", [])]
    return next((each["description"] for each in said if "description" in each), "")
