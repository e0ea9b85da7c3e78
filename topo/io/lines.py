"""Numbered lines of a text file, and the checks that all readers of predictions share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NoReturn

from topo.errors import InputError
from topo.labels import encode_labels

LONGEST = 10_000_000
"""Residues that a file without sequences may claim a protein to have."""


class Lines:
    """The lines of a file with their numbers, one line of look-ahead, and errors that name both.

    Parameters
    ----------
    path
        The file as errors should name it.
    text
        Its lines; line ends and trailing blanks of any kind are dropped (tabs stay).
    """

    def __init__(self, path: str, text: Iterable[str]) -> None:
        self.path = path
        self.number = 0
        self._source = iter(text)
        self._ahead: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.pop(0) if self._ahead else self._read()
        self.number += 1
        return line

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Yield the remaining lines with their 1-based numbers."""
        for line in self:
            yield self.number, line

    def _read(self) -> str:
        line = next(self._source).rstrip("\n\r ")
        if "\ufffd" in line:
            number = self.number + len(self._ahead) + 1
            raise InputError(self.path, "found bytes that are not UTF-8", number)
        return line

    def peek(self, count: int) -> list[str]:
        """Return up to ``count`` of the coming lines without taking them."""
        while len(self._ahead) < count:
            try:
                self._ahead.append(self._read())
            except StopIteration:
                break
        return self._ahead[:count]

    def skip_blank(self) -> bool:
        """Drop blank lines; tell whether any line is left."""
        while (ahead := self.peek(1)) and not ahead[0].strip():
            next(self)
        return bool(ahead)

    def fail(self, message: str, line: int | None = None) -> NoReturn:
        """Raise :class:`~topo.errors.InputError` at ``line``, by default the line last taken."""
        raise InputError(self.path, message, self.number if line is None else line)

    def check_labels(self, labels: str, length: int, *, any_letter: bool = False) -> None:
        """Fail unless ``labels`` are ``length`` label letters (or just letters)."""
        if len(labels) != length:
            self.fail(f"found {len(labels)} labels, expected {length}, one a residue")
        try:
            if not any_letter:
                encode_labels(labels)
        except ValueError as error:
            self.fail(str(error))

    def integer(self, text: str, what: str) -> int:
        """Parse a whole number or fail."""
        try:
            return int(text)
        except ValueError:
            self.fail(f"found {what} {text[:40]!r}, expected a whole number")

    def place(self, text: str, what: str) -> int:
        """Parse a length or the number of a residue, or fail."""
        value = self.integer(text, what)
        if value > LONGEST:
            self.fail(f"found {what} {text[:40]!r}, expected at most {LONGEST}")
        return value
