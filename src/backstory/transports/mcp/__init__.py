"""MCP over the official SDK: one server for both eras, over HTTP and stdio.

server.py       the SDK's low-level server with our handlers
http.py         /mcp: reads a body once, strictly, and sends it to its era
era_2025.py     2025-06-18 and 2025-11-25 without stickiness: sessions that any node can read
era_2026.py     2026-07-28: `subscriptions/listen`
stdio.py        the same server for one local client
tools/          one table of our tools: schemas, handlers and bounds come from it
tool_calls.py   `tools/list` and `tools/call`
resources.py    contexts and other resources
prompts.py      the prompts that are always there (windows.py), and those that are stored
completions.py  names for what the caller may read

extending.py    what a package may add, made of blocks.py and asks.py
offers.py       what they add, found and checked (admitting.py)
catalogue.py    all there is, ours and theirs; showing.py says for whom
calling.py      who may call what, in which time, and asking back
asking.py       who can be asked what, and what is an answer
lines.py        the way back to the client: on stdio, or a POST's own stream (call_streams.py)
session_asks.py asking an older client, which answers to any node
interests.py    which changes a subscriber hears of
failures.py     domain errors as tool errors and as MCP errors
answers.py      how long an answer may be, and how it is cut
"""
