"""Prompts with and without arguments, of each kind of content, and one that asks."""

from backstory.extending import (
    Argument,
    Contents,
    ImageBlock,
    InputRequired,
    Message,
    Prompt,
    ResourceBlock,
    TextBlock,
    form,
)
from backstory_conformance.asking import fields, text
from backstory_conformance.contents import PNG


async def simple(call):
    return [Message("user", TextBlock("This is a simple prompt for testing."))]


async def with_arguments(call):
    arg1, arg2 = call.arguments["arg1"], call.arguments["arg2"]
    return [Message("user", TextBlock(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


async def words(call, typed):
    return [word for word in ("paris", "park", "party", "test") if word.startswith(typed)]


async def with_resource(call):
    uri = call.arguments["resourceUri"]
    contents = Contents("ResourceBlock resource content for testing.", "text/plain", uri)
    return [
        Message("user", ResourceBlock(contents)),
        Message("user", TextBlock("Please process the embedded resource above.")),
    ]


async def with_image(call):
    return [
        Message("user", ImageBlock(PNG, "image/png")),
        Message("user", TextBlock("Please analyze the image above.")),
    ]


async def asks(call):
    if (filled := call.accepted("user_context")) is None:
        wanted = fields("context", context=text())
        question = form("What context should the prompt use?", wanted)
        return InputRequired({"user_context": question})
    return [Message("user", TextBlock(f"Use this context: {filled.get('context')}"))]


PROMPTS = [
    Prompt("test_simple_prompt", "A simple prompt", simple),
    Prompt(
        "test_prompt_with_arguments",
        "A prompt with arguments",
        with_arguments,
        [
            Argument("arg1", "First test argument", required=True, complete=words),
            Argument("arg2", "Second test argument", required=True),
        ],
    ),
    Prompt(
        "test_prompt_with_embedded_resource",
        "A prompt with a resource",
        with_resource,
        [Argument("resourceUri", "URI of the resource to embed", required=True)],
    ),
    Prompt("test_prompt_with_image", "A prompt with an image", with_image),
    Prompt("test_input_required_result_prompt", "A prompt that asks", asks),
]
