"""Tools that answer each kind of content, or an error."""

import base64

from backstory.extending import (
    AudioBlock,
    Contents,
    DeclinedError,
    ImageBlock,
    ResourceBlock,
    TextBlock,
    Tool,
    ToolResult,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAV = base64.b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=")


async def simple_text(call):
    return "This is a simple text response for testing."


async def image(call):
    return ToolResult([ImageBlock(PNG, "image/png")])


async def audio(call):
    return ToolResult([AudioBlock(WAV, "audio/wav")])


async def embedded(call):
    text = "This is an embedded resource content."
    return ToolResult([ResourceBlock(Contents(text, "text/plain", "test://embedded-resource"))])


async def mixed(call):
    data = Contents(
        '{"test":"data","value":123}', "application/json", "test://mixed-content-resource"
    )
    return ToolResult(
        [
            TextBlock("Multiple content types test:"),
            ImageBlock(PNG, "image/png"),
            ResourceBlock(data),
        ]
    )


async def error(call):
    raise DeclinedError("This tool intentionally returns an error for testing")


TOOLS = [
    Tool("test_simple_text", "Answers a text", simple_text),
    Tool("test_image_content", "Answers an image", image),
    Tool("test_audio_content", "Answers sound", audio),
    Tool("test_embedded_resource", "Answers a resource", embedded),
    Tool("test_multiple_content_types", "Answers text, an image and a resource", mixed),
    Tool("test_error_handling", "Fails", error),
]
