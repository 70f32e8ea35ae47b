"""What the official conformance suite wants a server to have, as an extension of Backstory.

For tests only: it is never shipped. Names and texts are the suite's.
"""

from backstory.extending import Extension
from backstory_conformance import asking, contents, prompts, resources, schemas, telling


def make():
    """The whole of it."""
    return Extension(
        tools=[*contents.TOOLS, *telling.TOOLS, *schemas.TOOLS, *asking.TOOLS],
        resources=resources.RESOURCES,
        templates=resources.TEMPLATES,
        prompts=prompts.PROMPTS,
        tools_follow=telling.TOOL_CHANGES,
        prompts_follow=telling.PROMPT_CHANGES,
    )
