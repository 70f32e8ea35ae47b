"""What an assistant does over REST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from calling import Caller

Act = Callable[[Caller, str], Awaitable[None]]

ASKED = (
    "Do you ship spare parts to Norway?",
    "The kettle leaks at the lid. Is that covered?",
    "Which tea keeps me awake the least?",
    "My order 4711 has not arrived. Where is it?",
)
SAID = (
    "Yes, within five working days. Customs are paid by us. You will get a number to follow it.",
    "It is, for two years. Please send a picture of the lid and of the receipt.",
    "Rooibos has no caffeine at all. Green tea has less of it than black tea.",
    "It left our store on Monday. It should be there tomorrow; else we send another.",
)
MODELS = ("gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro")


async def begun(caller: Caller, talk: str) -> None:
    """A new conversation, and what the user prefers."""
    state = {"topic": caller.chance.choice(("orders", "tea", "repairs"))}
    new = {"kind": "conversation", "state": state, "labels": ["demo"]}
    await caller.call("create", "PUT", f"/v1/contexts/{talk}", json=new)
    likes = {"kind": "preferences", "state": {"tone": caller.chance.choice(("short", "warm"))}}
    path = f"/v1/contexts/{_preferences(talk)}"
    await caller.call("prefer", "PUT", path, json=likes)


def _preferences(talk: str) -> str:
    return f"{talk.partition('/')[0]}/preferences"


async def turn(caller: Caller, talk: str, number: int) -> None:
    """A question and an answer, read back, and a window for a model."""
    pick = caller.chance.choice
    question = {"id": f"q-{number}", "role": "user", "content": pick(ASKED)}
    answer = {"id": f"a-{number}", "role": "assistant", "content": pick(SAID)}
    path = f"/v1/contexts/{talk}"
    entries = {"entries": [question, answer]}
    await caller.call("append", "POST", f"{path}/entries", json=entries)
    read = await caller.call("read", "GET", path, params={"entries": 10})
    if read is not None and "etag" in read.headers:
        unchanged = {"if-none-match": read.headers["etag"]}
        await caller.call("read again", "GET", path, params={"entries": 10}, headers=unchanged)
    await _more(caller, talk)


async def _more(caller: Caller, talk: str) -> None:
    """Some of what assistants do between turns."""
    namespace = talk.partition("/")[0]
    match caller.chance.randrange(5):
        case 0:
            found = {"query": caller.chance.choice(("tea", "order", "kettle")), "limit": 5}
            await caller.call("search", "POST", "/v1/search", json=found | {"namespace": namespace})
        case 1:
            await caller.call("list", "GET", "/v1/contexts", params={"namespace": namespace})
        case 2:
            merge = {"visits": caller.chance.randrange(100)}
            changed = {"op": "patch", "context": _preferences(talk), "merge": merge}
            noted = {"role": "assistant", "content": "I have noted that."}
            said = {"op": "append", "context": talk, "entries": [noted]}
            await caller.call("commit", "POST", "/v1/commits", json={"operations": [changed, said]})
        case 3:
            await caller.call("versions", "GET", f"/v1/contexts/{talk}/versions")
        case _:
            await rendered(caller, talk)


async def rendered(caller: Caller, talk: str) -> None:
    """A window for one of the models, with little room."""
    sources = [{"context": _preferences(talk)}, {"context": talk, "entries": "recent"}]
    wanted = {"model": caller.chance.choice(MODELS), "budget": 600, "sources": sources}
    await caller.call("render", "POST", "/v1/render", json=wanted)


async def large(caller: Caller, talk: str) -> None:
    """A document that is kept, changed a little and read in part."""
    path = f"/v1/contexts/{talk.partition('/')[0]}/handbook"
    if (await caller.call("document", "PUT", path, json={"kind": "document"})) is None:
        return
    text = "".join(f"{number}. {caller.chance.choice(SAID)}\n" for number in range(2000))
    media = {"content-type": "text/plain"}
    await caller.call("write content", "PUT", f"{path}/content", content=text, headers=media)
    part = {"range": "bytes=1000-5000"}
    await caller.call("read content", "GET", f"{path}/content", headers=part)


async def summarised(caller: Caller, talk: str) -> None:
    """A summary of all but the newest entries."""
    path = f"/v1/contexts/{talk}/summaries"
    await caller.call("summarise", "POST", path, json={"keep": 2})
