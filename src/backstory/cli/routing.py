"""Which of the stores that the settings name a command looks after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import click

from backstory.cli.options import store_that_is_there
from backstory.config import Settings
from backstory.errors import BackstoryError, ConfigError

FIRST: Final = "_first"  # no namespace that begins like that can be routed

route_option = click.option(
    "--route",
    metavar="NAME",
    help=f"Where routes name more stores, the one that is called NAME; {FIRST} is `--store`.",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A store by its name, empty for the first, and the settings as if it were the only one."""

    name: str
    settings: Settings

    @property
    def called(self) -> str:
        return f"the store of {self.name}" if self.name else "the first store"

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What goes wrong with one that is routed to is told with its name."""
        try:
            yield
        except BackstoryError as error:
            if self.name:
                error.detail = f"{self.called}: {error.detail}"
            raise


def stores(settings: Settings, route: str | None, *, made: bool = False) -> Sequence[Kept]:
    """All stores, or the one that is called like that; unless one may be `made`, all are there.

    Raises:
        ConfigError: no store is called like that.
        StoreUnavailableError: there is none where the settings say.
    """
    from backstory.wiring import each_store

    every = [Kept(name, own) for name, own in each_store(settings)]
    wanted = [each for each in every if route in {None, each.name or FIRST}]
    if not wanted:
        names = ", ".join(each.name or FIRST for each in every)
        raise ConfigError(f"no store is called {route}; there are {names}")
    for each in wanted if not made else ():
        with each.told():
            store_that_is_there(each.settings)
    return wanted


def one_store(settings: Settings, route: str | None, *, made: bool = False) -> Settings:
    """The settings of the one store that a command is for.

    Raises:
        ConfigError: there are several, and it is not said which; or none is called like that.
        StoreUnavailableError: there is none where the settings say.
    """
    found = stores(settings, route, made=True)
    if len(found) > 1:
        names = ", ".join(each.name or FIRST for each in found)
        raise ConfigError(f"the settings name several stores; say with --route which: {names}")
    return stores(settings, route, made=made)[0].settings
