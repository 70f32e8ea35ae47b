"""What the code of this checkout shows to those who call, configure and watch it."""

from __future__ import annotations

from typing import Any

import click
import orjson

from backstory import cli, errors, extending
from backstory.config import TABLE as SETTINGS
from backstory.observability import catalogue
from backstory.storage.postgres import migrating as postgres
from backstory.storage.sqlite import migrating as sqlite
from backstory.transports.mcp.resources import TEMPLATES
from backstory.transports.mcp.tools import TABLE as TOOLS
from backstory.transports.mcp.windows import BUILT_IN
from backstory.transports.rest.endpoints import ENDPOINTS
from backstory.transports.rest.openapi import document

Contract = dict[str, Any]


def contracts() -> dict[str, Contract]:
    """All documents by the name of their file, as plain JSON values."""
    found = {"openapi": document(ENDPOINTS), "mcp": _mcp(), "names": _names()}
    plain: dict[str, Contract] = orjson.loads(orjson.dumps(found))
    return plain


def _mcp() -> Contract:
    """As the lists of MCP show them to a caller with all rights."""
    return {
        "tools": [tool.definition() for tool in TOOLS.values()],
        "resourceTemplates": TEMPLATES,
        "prompts": [prompt.definition() for prompt in BUILT_IN],
    }


def _names() -> Contract:
    return {
        "settings": {
            each.name: {"variable": each.variable, "flag": each.flag} for each in SETTINGS.values()
        },
        "metrics": {
            each.name: {"kind": each.kind, "labels": list(each.labels)}
            for each in vars(catalogue).values()
            if isinstance(each, catalogue.Metric)
        },
        "errors": {each.code: {"status": each.status} for each in _tree(errors.BackstoryError)},
        "commands": dict(_commands("backstory", cli.main)),
        "python": {"backstory.extending": {"names": sorted(extending.__all__)}},
        "schemas": {
            "sqlite": {"version": sqlite.migrations()[-1].number},
            "postgres": {"version": postgres.migrations()[-1].number},
        },
    }


def _tree(top: type[errors.BackstoryError]) -> list[type[errors.BackstoryError]]:
    """The classes in reverse order of depth, so that the first with a code is its owner."""
    below = [each for one in top.__subclasses__() for each in _tree(one)]
    return [*below, top]


def _commands(path: str, command: click.Command) -> list[tuple[str, Contract]]:
    """Each command that does something, with what may be given to it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        below = {
            name: command.get_command(context, name) for name in command.list_commands(context)
        }
        return [
            one
            for name, each in sorted(below.items())
            if each is not None
            for one in _commands(f"{path} {name}", each)
        ]
    given = [
        name
        for parameter in command.params
        for name in (
            [*parameter.opts, *parameter.secondary_opts]
            if isinstance(parameter, click.Option)
            else [str(parameter.name).upper()]
        )
    ]
    return [(path, {"takes": sorted(given)})]
