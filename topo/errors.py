"""The errors a user can cause; the command line prints each as one line and exits with code 2."""

from __future__ import annotations

from os import PathLike

LONGEST_MESSAGE = 300
"""Longest message, in characters; the middle of a longer one is cut out."""


def printable(text: str) -> str:
    r"""Escape what a terminal would not print as it is, line ends and control characters too.

    All text of files that is printed goes through this function.

    Examples
    --------
    >>> printable("a\x1b[2J")
    'a\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Make a message of a text: printable, on one line, and not too long."""
    text = printable(text)
    if len(text) <= longest:
        return text
    return f"{text[: longest - 105]} ... {text[-100:]}"


class TopoError(Exception):
    """Something the user can mend: the message is one line and says how.

    Messages quote what files hold, so they are escaped and cut, see :func:`one_line`.
    """

    longest = LONGEST_MESSAGE

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, self.longest))


class InputError(TopoError):
    """A file that cannot be read as what it should be.

    Parameters
    ----------
    path
        The file, as the user named it.
    message
        What was found and what was expected.
    line
        1-based line number, where there is one.
    """

    def __init__(self, path: str | PathLike[str], message: str, line: int | None = None) -> None:
        place = f"{path}:{line}" if line is not None else str(path)
        self.longest += len(place)
        super().__init__(f"{place}: {message}")
        self.reason, self.line = message, line


class RecordError(InputError):
    """Records of a file that cannot be read, where the others can; the first ten are named."""

    longest = 3000


class InputWarning(UserWarning):
    """Something odd in a file that can be read all the same; the command line prints one line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, 2 * LONGEST_MESSAGE))


class ConfigError(TopoError):
    """A configuration key or value that does not exist or does not fit."""


class CheckpointError(TopoError):
    """A checkpoint that is missing, damaged or of another version."""


class ScoreError(TopoError, ValueError):
    """A model that computes scores that are not numbers."""


class DivergedError(TopoError):
    """A training whose loss is no longer a number."""
