"""Options that commands share: settings as flags, `--config` and `--json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from backstory.config import TABLE, Setting, Settings, StoreUrl, load
from backstory.domain.keys import ContextKey
from backstory.errors import InvalidKeyError, StoreUnavailableError

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")


def context_key(ctx: click.Context, param: click.Parameter, value: str | None) -> ContextKey | None:
    """Reads `namespace/name`; None where an option was not given."""
    try:
        return value if value is None else ContextKey.parse(value)
    except InvalidKeyError as error:
        raise click.BadParameter(error.detail, ctx, param) from error


def setting_options(*names: str) -> Callable[[F], F]:
    """Adds a flag for each named setting (all without names), and `--config`.

    The command takes `**flags` and gives them to `settings_from`. Values are read and
    checked there, so that a wrong flag is told of like a wrong variable.
    """

    def decorate(function: F) -> F:
        for name in reversed(names or tuple(TABLE)):
            function = _option(TABLE[name])(function)
        about = "TOML file with settings; BACKSTORY_CONFIG may name it too."
        return click.option("--config", "config", metavar="FILE", help=about)(function)

    return decorate


def settings_from(flags: dict[str, Any]) -> Settings:
    """The settings in force, given the flags of a command; raises `ConfigError`."""
    given = dict(flags)
    return load(file=given.pop("config", None), flags=given)


def store_that_is_there(settings: Settings) -> Settings:
    """The settings themselves, for commands that make no store.

    Raises:
        StoreUnavailableError: there is no store where they say.
    """
    if isinstance(settings.store, StoreUrl) and not settings.store.path.exists():
        raise StoreUnavailableError(
            f"there is no store at {settings.store.path}; --store names another, and "
            "`backstory serve` or `backstory import` makes one"
        )
    return settings


def _option(setting: Setting) -> Callable[[F], F]:
    about = f"{setting.meaning}. [default: {setting.default or 'none'}]"
    if setting.is_switch:
        both = f"{setting.flag}/--no-{setting.flag[2:]}"
        return click.option(both, setting.name, default=None, help=about)
    return click.option(setting.flag, setting.name, metavar="VALUE", default=None, help=about)
