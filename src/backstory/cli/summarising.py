"""`backstory summarise`: have a running server make a summary of a context."""

from __future__ import annotations

import json
import uuid
from typing import Any

import click

from backstory import limits
from backstory.cli import remote
from backstory.cli.options import context_key, json_option
from backstory.domain.keys import ContextKey


@click.command("summarise")
@click.argument("context", callback=context_key)
@click.option("--keep", type=int, metavar="N", help="Leave the newest N entries as they are.")
@click.option("--tokens", type=int, metavar="N", help="How long the summary may be.")
@click.option("--through", type=int, metavar="SEQ", help="Cover nothing behind this entry.")
@click.option("--url", default=remote.DEFAULT_URL, show_default=True, help="The server.")
@click.option("--token-file", metavar="FILE", help="File with the token to show.")
@json_option
def command(
    *,
    context: ContextKey,
    keep: int | None,
    tokens: int | None,
    through: int | None,
    url: str,
    token_file: str | None,
    as_json: bool,
) -> None:
    """Cover the entries of CONTEXT (namespace/name) that no summary covers yet.

    A long range takes several summaries, each of which goes on from the last.
    """
    wanted = {"keep": keep, "tokens": tokens, "through": through}
    body = {name: value for name, value in wanted.items() if value is not None}
    with remote.client(url, token_file, seconds=limits.SUMMARY_SECONDS + 10) as http:
        done: list[dict[str, Any]] = []
        while not done or done[-1]["more"]:
            key = {"idempotency-key": str(uuid.uuid4())}
            path = f"/v1/contexts/{context}/summaries"
            done.append(remote.checked(http.post(path, json=body, headers=key)).json())
            if not as_json:
                click.echo(_told(context, done[-1]))
    if as_json:
        click.echo(json.dumps({"context": str(context), "summaries": done}))


def _told(context: ContextKey, done: dict[str, Any]) -> str:
    if done["seq"] is None:
        return f"{context} is at version {done['version']}: nothing to cover"
    first, last = done["covers"]
    told = f"{context}: entry {done['seq']} covers {first} to {last}, by {done['summariser']}"
    return told if done["fallback"] is None else f"{told} (fallback: {done['fallback']})"
