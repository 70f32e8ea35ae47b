"""Tools whose schema is what matters."""

from backstory.extending import Tool

ADDRESS = {"street": {"type": "string"}, "city": {"type": "string"}}
FULL = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": ADDRESS}},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
MIRRORED = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}


async def given(call):
    return {"given": dict(call.arguments)}


TOOLS = [
    Tool("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", given, FULL),
    Tool("test_custom_header", "Has an argument that a header repeats", given, MIRRORED),
]
