"""How far an import has got."""

from __future__ import annotations

from backstory.cli.progress import Bar


class Progress(Bar):
    """In bytes of its files."""

    def __init__(self, total: int) -> None:
        super().__init__("reading", total, text="{task.fields[read]:,} conversations", read=0)
        self._before = self._here = 0

    def read_to(self, done: int, read: int) -> None:
        """The present file was read up to byte `done`; `read` conversations in all."""
        self._here = done
        self.at(self._before + done, read=read)

    def file_done(self) -> None:
        """The next bytes are those of the next file."""
        self._before, self._here = self._before + self._here, 0
