"""Configuration of tasks other than protein topology: sequences of numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from topo.config.section import Option, Section


class LetterConfig(Section):
    """Place of a letter in the legal orders of a task."""

    start: bool = Field(default=True, description="Whether a sequence may start with the letter.")
    end: bool = Field(default=True, description="Whether a sequence may end with the letter.")
    minimum: int = Field(default=1, ge=1, le=1000, description="Least number of consecutive steps.")
    successors: list[str] = Field(default_factory=list, description="Letters that may follow.")


class TaskConfig(Section):
    """Sequences of numbers, with a class for each, labels of their steps, or both.

    Without classes and letters the records are proteins.
    """

    classes: list[str] = Field(
        default_factory=list,
        description="Classes of the sequences. Without classes and letters the task is the "
        "topology of proteins.",
    )
    letters: list[str] = Field(
        default_factory=list,
        description="Letters of the steps' labels, A to Z; none classifies whole sequences only.",
    )
    grammar: dict[str, LetterConfig] | None = Field(
        default=None,
        description="Legal orders of the letters: for each letter start, end, minimum and "
        "successors. By default every order is legal.",
    )
    width: int = Field(
        default=0, ge=0, description="Number of values of a step, taken from the file of data.path."
    )
    normalise: Literal["none", "centre", "sequence", "set"] = Field(
        default="set",
        description="Normalisation of the values: none, centre (each sequence has mean 0), "
        "sequence (each sequence has mean 0 and deviation 1) or set (by mean and deviation of the "
        "training sequences).",
    )
    points: Annotated[int | None, Option("--points")] = Field(
        default=None,
        gt=1,
        description="Number of steps to which sequences are resampled. By default their own.",
    )
    reversal: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of training sequences that are reversed at random.",
    )

    @field_validator("classes", "letters", mode="before")
    @classmethod
    def _as_text(cls, names: object) -> object:
        return [str(name) for name in names] if isinstance(names, list) else names

    @property
    def is_numeric(self) -> bool:
        """Whether the records are sequences of numbers."""
        return bool(self.classes or self.letters)
