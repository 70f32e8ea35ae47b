"""Those who write, each in one of the ways that make a retry safe."""

import asyncio
from itertools import count

from backstory.testing.histories import Outcome, Write
from clusters.caller import TRUE_NOW, Caller, error_code, told
from clusters.truth import CHAT, COUNTER, LEDGER, path

THOUGHT_SECONDS = 0.005  # between two writes of one caller
WRITES = 3000  # of one caller at most


def entry(token, **more):
    return {"role": "user", "content": token} | more


class Writer(Caller):
    """Writes on and on until the load is stopping."""

    async def run(self):
        for number in count(1):
            if self.load.stopping or number > WRITES:
                return
            await self.write(f"{self.name}:{number}")
            await asyncio.sleep(THOUGHT_SECONDS)

    def record(self, answered, *writes):
        """`writes` are (context, token, members of the answer)."""
        # It was decided; where there is an error, not in its favour.
        refused = error_code(answered.answer) is not None
        outcome = Outcome.REFUSED if refused else Outcome.DONE
        written = [
            Write(
                self.name,
                context,
                token,
                answered.begun,
                answered.ended,
                outcome,
                attempts=answered.attempts,
                **({} if refused else more),
            )
            for context, token, more in writes
        ]
        self.load.wrote(answered.node, *written)


def place(result, **more):
    """Where an answer says that a write of one entry went."""
    return {"version": result["version"], "seq": result["seqs"][0]} | more


def body_of(answered):
    return answered.answer.json()


class AppendById(Writer):
    """The entry has an id; what is known already is not created again."""

    async def write(self, token):
        body = {"entries": [entry(token, id=token)]}
        answered = await self.send("POST", path(CHAT) + "/entries", json=body)
        result = body_of(answered)
        # A repeated append of a known id makes no version: it is told where the context stands.
        first = result["created"] == 1
        where = place(result) if first else await self._known(result)
        self.record(answered, (CHAT, token, where | {"replayed": not first}))

    async def _known(self, result):
        seq = result["seqs"][0]
        query = {"after": seq - 1, "limit": 1}
        # A copy that a node shows while its database is away may be older than the entry.
        where = path(CHAT) + "/entries"
        page = (await self.send("GET", where, params=query, headers=TRUE_NOW)).answer.json()
        return {"version": page["items"][0]["version"], "seq": seq}


class AppendByKey(Writer):
    """The request has an idempotency key."""

    async def write(self, token):
        body, headers = {"entries": [entry(token)]}, {"idempotency-key": token}
        answered = await self.send("POST", path(CHAT) + "/entries", json=body, headers=headers)
        again = "idempotency-replayed" in answered.answer.headers
        self.record(answered, (CHAT, token, place(body_of(answered), replayed=again)))


class AppendByTool(Writer):
    """Over MCP, with the key as an argument."""

    async def write(self, token):
        answered = await self.tool(
            "append_entries", context=CHAT, entries=[entry(token)], idempotency_key=token
        )
        self.record(answered, (CHAT, token, place(told(answered.answer))))


class Commit(Writer):
    """Two contexts at once, or none."""

    async def write(self, token):
        texts = {CHAT: f"{token}:said", LEDGER: f"{token}:booked"}
        operations = [
            {"op": "append", "context": context, "entries": [entry(text)]}
            for context, text in texts.items()
        ]
        headers = {"idempotency-key": token}
        answered = await self.send(
            "POST", "/v1/commits", json={"operations": operations}, headers=headers
        )
        again = "idempotency-replayed" in answered.answer.headers
        results = {result["context"]: result for result in body_of(answered)["results"]}
        self.record(
            answered,
            *(
                (context, text, place(results[context], commit=token, replayed=again))
                for context, text in texts.items()
            ),
        )


class Count(Writer):
    """Reads, adds one, and writes on condition that nobody was faster."""

    async def write(self, token):
        head = (await self.send("GET", path(COUNTER))).answer.json()
        body = {"kind": "session", "state": {"n": head["state"]["n"] + 1, "by": token}}
        headers = {"if-match": f'"{head["version"]}"', "idempotency-key": token}
        answered = await self.send("PUT", path(COUNTER), json=body, headers=headers)
        again = "idempotency-replayed" in answered.answer.headers
        more = {"version": body_of(answered).get("version"), "condition": head["version"]}
        self.record(answered, (COUNTER, token, more | {"replayed": again}))


class CountByTool(Writer):
    """The same over MCP."""

    async def write(self, token):
        head = told((await self.tool("read_context", context=COUNTER)).answer)
        answered = await self.tool(
            "write_context",
            context=COUNTER,
            state={"n": head["state"]["n"] + 1, "by": token},
            if_version=head["version"],
            idempotency_key=token,
        )
        more = {"version": told(answered.answer).get("version"), "condition": head["version"]}
        self.record(answered, (COUNTER, token, more))


WRITERS = (AppendById, AppendByKey, AppendByTool, Commit, Count, CountByTool)
