"""The tools of MCP, each with its arguments and what it answers, out of what `tools/list` shows."""

from typing import Any

from docs_tables.markdown import code, rows
from docs_tables.schemas import kind


def arguments() -> str:
    from backstory.transports.mcp.tools import TABLE

    return "\n".join(part for tool in TABLE.values() for part in told(tool.definition()))


def told(tool: dict[str, Any]) -> list[str]:
    schema, answer = tool["inputSchema"], tool["outputSchema"]
    hints = tool["annotations"]
    said = [
        "reads only" if hints["readOnlyHint"] else "writes",
        "may replace or remove what was there" if hints.get("destructiveHint") else "",
        "doing it twice is doing it once" if hints.get("idempotentHint") else "",
    ]
    return [
        f"## `{tool['name']}`\n",
        f"{tool['description']}\n",
        f"Hints for clients: {', '.join(each for each in said if each)}.\n",
        rows(
            ("argument", "type", "meaning"),
            *(
                (
                    code(name) + (" (needed)" if name in schema["required"] else ""),
                    kind(each),
                    each.get("description", ""),
                )
                for name, each in schema["properties"].items()
            ),
        ),
        "Answers "
        + ", ".join(f"{code(name)} ({kind(each)})" for name, each in answer["properties"].items())
        + ".\n",
    ]
