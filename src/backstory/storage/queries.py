"""Named queries: SQL lives in `.sql` files, and Python knows it by name.

A file is a list of queries, each under a line `-- name: find_context`. Lines before the
first name are for the reader of the file.
"""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries:
    """The queries of one file or several, as attributes.

    Raises:
        AttributeError: there is no query of that name.
    """

    def __init__(self, *texts: str) -> None:
        self._queries: dict[str, str] = {}
        for text in texts:
            parts = _NAME.split(text)
            self._queries |= {
                name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)
            }
        # As plain attributes they are found ten times as fast as by `__getattr__`.
        self.__dict__.update(self._queries)

    @classmethod
    def load(cls, package: str, *files: str) -> Queries:
        """The queries of files that ship inside a package."""
        return cls(*(read_sql(package, file) for file in files))

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"no query is named {name}")

    def names(self) -> frozenset[str]:
        return frozenset(self._queries)


def read_sql(package: str, file: str) -> str:
    """The text of an SQL file that ships inside a package."""
    return files(package).joinpath(file).read_text(encoding="utf-8")
