"""Options of a prediction over the web, with the names and choices of ``topo predict``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    field_validator,
)
from pydantic_core import core_schema

from topo.constraints import parse_constraint
from topo.errors import TopoError
from topo.inference.compute import MOST_ALTERNATIVES
from topo.io.export import EXPORTS
from topo.io.output_formats import DEFAULT_FORMATS, PREDICTION_FORMATS, PROBABILITY_FORMATS
from topo.labels import DECODERS


class _OneOf:
    """Check of a pydantic field, and its description in the OpenAPI schema."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.literal_schema([*self._names])


_Line = Annotated[str, StringConstraints(max_length=200)]


class PredictionOptions(BaseModel):
    """Options that a synchronous prediction and a job share."""

    model_config = ConfigDict(extra="ignore")

    decoder: Annotated[str, _OneOf(DECODERS)] = Field(DECODERS[0], description="Decoder.")
    alternatives: int = Field(
        0,
        ge=0,
        le=MOST_ALTERNATIVES,
        description="Number of topologies to list for each protein with their probabilities.",
    )
    fix: list[_Line] = Field(
        default_factory=list,
        max_length=100,
        description="Constraints on a single protein: 1-20:inside, N-term:in, type:TM or the like.",
    )
    constraints: str = Field(
        "",
        max_length=1_000_000,
        description="Table of constraints: id, first, last, what, separated by tabs.",
    )
    skip_invalid: bool = Field(False, description="Leave out faulty records.")
    mask_stops: bool = Field(False, description="Read * and . within a sequence as X.")
    allow_nucleotides: bool = Field(
        False, description="Read sequences as proteins that look like nucleotides."
    )

    @field_validator("fix")
    @classmethod
    def _parse(cls, texts: list[str]) -> list[str]:
        """Drop empty lines and check the others."""
        kept = [text.strip() for text in texts if text.strip()]
        for text in kept:
            try:
                parse_constraint(text)
            except TopoError as error:
                raise ValueError(str(error)) from None
        return kept


class JobOptions(PredictionOptions):
    """Options of a job."""

    format: list[Annotated[str, _OneOf(PREDICTION_FORMATS)]] = Field(
        [*DEFAULT_FORMATS],
        max_length=50,
        description="Formats of the results.",
    )
    probabilities: Annotated[str, _OneOf(PROBABILITY_FORMATS)] | None = Field(
        None, description="Format of the probabilities per residue."
    )
    export: list[Annotated[str, _OneOf(EXPORTS)]] = Field(
        default_factory=list, max_length=20, description="Sequences to write as FASTA."
    )
    export_minimum: int = Field(
        1, ge=1, le=1_000_000, description="Minimum length of an exported segment, in residues."
    )
    export_padding: int = Field(
        0, ge=0, le=1_000_000, description="Residues to add on either side of an exported segment."
    )

    @field_validator("probabilities", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        """Read an empty field of a form as no choice."""
        return None if value == "" else value
