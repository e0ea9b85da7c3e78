"""Base class of the configuration sections, and the mark of fields with a command-line option."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the configuration; unknown keys and invalid assignments raise an error."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


@dataclass(frozen=True, init=False)
class Option:
    """Mark of a field that ``topo train`` sets by a command-line option.

    The type, the choices, the default and the help text of the option are those of the field.

    Parameters
    ----------
    *names
        Names of the option, with their dashes.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)
