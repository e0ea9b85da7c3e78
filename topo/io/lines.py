"""Numbered lines of a text file with look-ahead and located errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NoReturn

from topo.errors import InputError
from topo.io.records import LONGEST, RecordPolicy

LONGEST_LINE = 100_000_000
"""Largest number of characters in a line."""

LARGEST_TEXT = 1_000_000_000
"""Largest number of characters of a file that is read as a whole."""


class Lines:
    """Iterator over the lines of a file that counts them and allows look-ahead.

    Parameters
    ----------
    source
        Name of the file in error messages.
    text
        Lines of the file.
    raw
        Whether lines are passed on unchanged. By default line ends and trailing blanks are removed
        (tabs stay), and a line that is not UTF-8 raises an error.
    policy
        Treatment of faulty records; by default they are an error.

    Attributes
    ----------
    number
        1-based number of the line taken last; 0 before the first.
    """

    def __init__(
        self,
        source: str,
        text: Iterable[str],
        *,
        raw: bool = False,
        policy: RecordPolicy | None = None,
    ) -> None:
        self.source = source
        self.number = 0
        self.policy = policy or RecordPolicy()
        self._text = iter(text)
        self._readline: Callable[[int], str] | None = getattr(text, "readline", None)
        self._raw = raw
        self._ahead: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._read()
        self.number += 1
        return line

    def _read(self) -> str:
        line = self._next_line()
        if self._raw:
            return line
        line = line.rstrip("\n\r ")
        if "\ufffd" in line:
            self.fail("found bytes that are not UTF-8", self.number + len(self._ahead) + 1)
        return line

    def _next_line(self) -> str:
        """Read a line, of a file no more than :data:`LONGEST_LINE` characters of it."""
        if self._readline is None:
            return next(self._text)
        line = self._readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        if len(line) > LONGEST_LINE:
            found = f"found a line of more than {LONGEST_LINE:,} characters"
            self.fail(f"{found}, expected shorter lines", self.number + len(self._ahead) + 1)
        return line

    def ahead(self) -> Iterator[str]:
        """Iterate over the coming lines without taking them."""
        index = 0
        while True:
            if index == len(self._ahead):
                try:
                    self._ahead.append(self._read())
                except StopIteration:
                    return
            yield self._ahead[index]
            index += 1

    def peek(self, count: int) -> list[str]:
        """Return up to ``count`` of the coming lines without taking them."""
        return list(islice(self.ahead(), count))

    def skip_blank(self) -> bool:
        """Skip blank lines; return whether any line is left."""
        for line in self:
            if line.strip():
                self._ahead.appendleft(line)
                self.number -= 1
                return True
        return False

    def rest(self) -> str:
        """Take all lines that are left, as one text."""
        parts, size = [], 0
        for line in self:
            parts.append(line)
            size += len(line)
            if size > LARGEST_TEXT:
                raise InputError(self.source, f"holds more than {LARGEST_TEXT:,} characters")
        return "".join(parts)

    def fail(self, message: str, line: int | None = None) -> NoReturn:
        """Raise :class:`~topo.errors.InputError` at ``line``, by default the line taken last."""
        raise InputError(self.source, message, self.number if line is None else line)

    def integer(self, text: str, what: str) -> int:
        """Parse a whole number or fail."""
        try:
            return int(text)
        except ValueError:
            self.fail(f"found {what} {text[:40]!r}, expected a whole number")

    def place(self, text: str, what: str) -> int:
        """Parse a length or a residue number or fail."""
        value = self.integer(text, what)
        if value > LONGEST:
            self.fail(f"found {what} {text[:40]!r}, expected at most {LONGEST}")
        return value
