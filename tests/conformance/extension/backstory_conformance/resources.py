"""Resources of fixed content, and a template."""

import json

from backstory.extending import Contents, Resource, Template
from backstory_conformance.contents import PNG


async def text(call):
    return Contents("This is the content of the static text resource.", "text/plain")


async def binary(call):
    return Contents(PNG, "image/png")


async def data(call):
    id_ = call.arguments["id"]
    view = {"id": id_, "templateTest": True, "data": f"Data for ID: {id_}"}
    return Contents(json.dumps(view), "application/json")


RESOURCES = [
    Resource("test://static-text", "text", "A text", text, "text/plain"),
    Resource("test://static-binary", "binary", "An image", binary, "image/png"),
    Resource("test://watched-resource", "watched", "May change", text, follows="conformance.*"),
]
TEMPLATES = [Template("test://template/{id}/data", "data", "Data by id", data)]
