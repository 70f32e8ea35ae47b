"""`backstory serve`: the server, over HTTP or on standard input and output."""

from __future__ import annotations

import os
from typing import Any

import click

from backstory.cli.options import json_option, setting_options, settings_from
from backstory.config import Settings, check_callers


@click.command("serve")
@setting_options()
@click.option("--stdio", is_flag=True, help="Serve one MCP client on standard input and output.")
@json_option
def command(*, stdio: bool, as_json: bool, **flags: Any) -> None:
    """Start the server, over HTTP or stdio.

    Makes the store where there is none. Stops gracefully at SIGTERM or Ctrl-C: it goes on
    serving for the drain that is set, then waiting clients are let go and requests under way
    are finished; a second signal ends the drain, or stops at once.
    """
    from backstory.cli.serving import first

    first.stop_when_asked()
    settings = settings_from(flags)
    from backstory.cli.serving import files, logs
    from backstory.observability.asking import asked

    files.keep_standard_streams()
    logs.configure(settings)
    asked(os.environ)  # so that what is wrong is told once, and not by each worker
    if stdio:
        _serve_stdio(settings)
    else:
        check_callers(settings)
        _serve_http(settings, as_json=as_json)


def _serve_http(settings: Settings, *, as_json: bool) -> None:
    from backstory.cli.serving import alone, files, many
    from backstory.cli.serving.listening import Announcement, bound
    from backstory.cli.serving.secret import local_token
    from backstory.cli.serving.service import Service
    from backstory.observability.folder import shared

    files.allow_many()
    secret = local_token(settings)
    # One process whose memory is bounded needs somebody who replaces it.
    single = settings.workers == 1 and not settings.worker_memory_megabytes
    service = Service.taken_from(os.environ)
    with bound(settings) as sockets, shared(not single and settings.metrics):
        announcement = Announcement.of(
            settings, sockets, secret[1] if secret else None, as_json=as_json
        )
        if single:
            token = secret[0] if secret else None
            alone.run(settings, token, sockets, announcement.tell, service)
        else:
            many.run(settings, sockets, announcement.tell, service)


def _serve_stdio(settings: Settings) -> None:
    import uvloop

    uvloop.run(_speak(settings))


async def _speak(settings: Settings) -> None:
    from backstory.transports.mcp.offers import found
    from backstory.transports.mcp.stdio import serve
    from backstory.wiring import (
        message_formats,
        open_auditing,
        open_contexts,
        open_hooks,
        renderer_of,
    )

    formats = message_formats()
    async with (
        open_hooks() as hooks,
        open_contexts(settings, hooks, serving=True) as contexts,
        open_auditing(settings, contexts, hooks),
    ):
        await serve(contexts, renderer_of(contexts, settings, formats), extensions=found())
