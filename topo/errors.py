"""The errors a user can cause; the command line prints each as one line and exits with code 2."""

from __future__ import annotations

from os import PathLike


class TopoError(Exception):
    """Something the user can mend: the message is one line and says how.

    What cannot be printed, line ends too, is escaped, since messages quote what files hold.
    """

    def __init__(self, message: str) -> None:
        super().__init__(
            message
            if message.isprintable()
            else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        )


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
        super().__init__(f"{place}: {message}")
        self.reason, self.line = message, line


class RecordError(InputError):
    """Records of a file that cannot be read, where the others can."""


class InputWarning(UserWarning):
    """Something odd in a file that can be read all the same; the command line prints one line."""


class ConfigError(TopoError):
    """A configuration key or value that does not exist or does not fit."""


class CheckpointError(TopoError):
    """A checkpoint that is missing, damaged or of another version."""


class ScoreError(TopoError, ValueError):
    """A model that computes scores that are not numbers."""
