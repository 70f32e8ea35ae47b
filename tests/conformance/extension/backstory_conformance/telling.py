"""Tools that tell something beside their answer: progress, or that a list has changed."""

from backstory.extending import Tool, Verb

TOOL_CHANGES = "conformance.tools"
PROMPT_CHANGES = "conformance.prompts"


async def progress(call):
    for done in (0, 50, 100):
        await call.progress(done, 100)
    return "done"


async def quiet(call):
    return "nothing was logged"


async def plain(call):
    return "answered at once"


def changing(namespace):
    async def change(call):
        count = await call.use("list_contexts", namespace=namespace)
        await call.use(
            "write_context",
            context=f"{namespace}/list",
            kind="session",
            state={"was": count["items"]},
        )
        return "changed"

    return change


TOOLS = [
    Tool("test_tool_with_progress", "Tells how far it is", progress),
    Tool("test_logging_tool", "Logs nothing", quiet),
    Tool("test_reconnection", "Answers", plain),
    Tool("test_trigger_tool_change", "Changes tools", changing(TOOL_CHANGES), verb=Verb.WRITE),
    Tool(
        "test_trigger_prompt_change", "Changes prompts", changing(PROMPT_CHANGES), verb=Verb.WRITE
    ),
]
