"""How a JSON Schema is told in a few words."""

from typing import Any

from docs_tables.markdown import code

PAGE = "rest-shapes.md"


def kind(schema: dict[str, Any], page: str = "") -> str:
    """The type of a value; a shape is linked to where it is told."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}]({page}#{name.lower()})"
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            return " or ".join(dict.fromkeys(kind(each, page) for each in schema[joined]))
    if "enum" in schema:
        return ", ".join(code(each) for each in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'], page)}" if schema.get("items") else "list"
    named = schema.get("type", "any")
    named = " or ".join(named) if isinstance(named, list) else named
    return f"{named}{bounds(schema)}"


def bounds(schema: dict[str, Any]) -> str:
    """From where to where a number may go, and how long a text may be."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None and high >= 2**53 - 1:  # what JSON can carry at all
        high = None
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    if low is not None:
        return f", from {low:,}"
    if high is not None:
        return f", to {high:,}"
    longest = schema.get("maxLength")
    return f", {longest:,} characters at most" if longest else ""


def words(text: str) -> str:
    """A description on one line."""
    return " ".join(text.split())
