"""Libraries that keep conversations in a SQLite file, in the process of who uses them."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Coroutine
from typing import Any

from benchmarks.peers.peer import Place


class AgentsSession:
    """OpenAI Agents: `SQLiteSession`, one for each conversation."""

    def __init__(self, place: Place) -> None:
        from agents.memory import SQLiteSession  # type: ignore[import-not-found]

        self._make, self._file = SQLiteSession, place.folder / "agents.db"
        self._sessions: dict[str, Any] = {}
        self._own = threading.local()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        loop = getattr(self._own, "loop", None)
        if loop is None:
            loop = self._own.loop = asyncio.new_event_loop()
        return loop.run_until_complete(work)

    def _session(self, conversation: str) -> Any:
        if conversation not in self._sessions:
            self._sessions[conversation] = self._make(conversation, self._file)
        return self._sessions[conversation]

    def append(self, conversation: str, text: str) -> None:
        self._run(self._session(conversation).add_items([{"role": "user", "content": text}]))

    def _items(self, conversation: str, limit: int | None = None) -> list[Any]:
        items: list[Any] = self._run(self._session(conversation).get_items(limit))
        return items

    def read(self, conversation: str) -> bytes:
        return json.dumps(self._items(conversation)).encode()

    def catch_up(self, conversation: str, known: int) -> bytes:
        """There is only "the last so many", and nobody knows how many are new."""
        return json.dumps(self._items(conversation)[known:]).encode()

    def count(self, conversation: str) -> int:
        return len(self._items(conversation))

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()


class LangGraphStore:
    """LangGraph: `SqliteStore`, a namespace for each conversation, an item for each message."""

    def __init__(self, place: Place) -> None:
        from langgraph.store.sqlite import SqliteStore  # type: ignore[import-not-found]

        self._context = SqliteStore.from_conn_string(str(place.folder / "store.db"))
        self._store = self._context.__enter__()
        self._store.setup()

    def append(self, conversation: str, text: str) -> None:
        self._store.put((conversation,), uuid.uuid4().hex, {"role": "user", "content": text})

    def _items(self, conversation: str) -> list[Any]:
        found = self._store.search((conversation,), limit=1_000_000)
        return [item.value for item in found]

    def read(self, conversation: str) -> bytes:
        return json.dumps(self._items(conversation)).encode()

    def catch_up(self, conversation: str, known: int) -> bytes:
        """Items have no order to go on from: all are read again."""
        del known
        return self.read(conversation)

    def count(self, conversation: str) -> int:
        return len(self._items(conversation))

    def close(self) -> None:
        self._context.__exit__(None, None, None)


class LangGraphSaver:
    """LangGraph: a graph whose messages `SqliteSaver` keeps, a thread for each conversation."""

    def __init__(self, place: Place) -> None:
        from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found]
        from langgraph.graph import (  # type: ignore[import-not-found]
            START,
            MessagesState,
            StateGraph,
        )

        self._context = SqliteSaver.from_conn_string(str(place.folder / "saver.db"))
        graph = StateGraph(MessagesState)
        graph.add_node("listen", _listen)
        graph.add_edge(START, "listen")
        self._graph = graph.compile(checkpointer=self._context.__enter__())

    def append(self, conversation: str, text: str) -> None:
        said = {"messages": [{"role": "user", "content": text}]}
        self._graph.update_state(_thread(conversation), said, as_node="listen")

    def _messages(self, conversation: str) -> list[Any]:
        state = self._graph.get_state(_thread(conversation))
        return [message.content for message in state.values.get("messages", [])]

    def read(self, conversation: str) -> bytes:
        return json.dumps(self._messages(conversation)).encode()

    def catch_up(self, conversation: str, known: int) -> bytes:
        return json.dumps(self._messages(conversation)[known:]).encode()

    def count(self, conversation: str) -> int:
        return len(self._messages(conversation))

    def close(self) -> None:
        self._context.__exit__(None, None, None)


def _listen(state: Any) -> dict[str, Any]:
    """A node that answers nothing."""
    del state
    return {}


def _thread(conversation: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": conversation}}
