"""Configuration of the proteins that a training uses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from topo.config.section import Option, Section
from topo.labels import TYPES


class ExtraConfig(Section):
    """Additional labelled proteins, used for training only."""

    path: str = Field(description="Path to a file of labelled proteins.")
    exclude_similar: str | None = Field(
        default=None,
        description="Path to a TSV file with a row for each record of the file, in the same order, "
        "and a column similar_folds. Records similar to a validation or test fold are left out. "
        "With a column source, so are records whose labels come from a validation or test protein.",
    )
    weight: float = Field(
        default=1.0,
        gt=0,
        description="Sampling weight relative to proteins of the same type in the main set.",
    )
    blur: int = Field(
        default=0,
        ge=0,
        description="Number of residues on each side of the ends of a membrane segment whose "
        "labels are unknown in this set, before data.blur.",
    )
    epochs: tuple[int, int] | None = Field(
        default=None,
        description="First and last epoch in which training draws from the file, from 1. By "
        "default all epochs.",
    )

    complete: str = Field(
        default="",
        description="Letters of labels that this set gives wherever they are true. Other sets "
        "write a label that is not one of the six as the six-letter label that it is mapped to.",
    )

    @field_validator("epochs")
    @classmethod
    def _in_order(cls, epochs: tuple[int, int] | None) -> tuple[int, int] | None:
        if epochs is not None and not 1 <= epochs[0] <= epochs[1]:
            raise ValueError(f"found {list(epochs)}, expected two epochs from 1, in order")
        return epochs


class DataConfig(Section):
    """Proteins of the training, validation and test splits."""

    path: Annotated[str | None, Option("--data")] = Field(
        default=None,
        description="Path to a file of labelled proteins. By default the bundled example set.",
    )
    exclude_similar: str | None = Field(
        default=None,
        description="Path to a TSV file with the columns id and similar_folds (F1,F2 or -) for "
        "proteins of the data file. Training proteins that are similar to a validation or test "
        "fold are left out; a protein without a row is similar to none.",
    )
    complete: str = Field(
        default="",
        description="Letters of labels that the data file gives wherever they are true, in a "
        "grammar with labels of its own; see data.extra.",
    )
    train: Annotated[list[str], Option("--train")] = Field(
        default_factory=list,
        description="Folds to train on. By default all folds that do not validate or test.",
    )
    validation: Annotated[list[str], Option("--val")] = Field(
        default_factory=list,
        description="Folds to validate on. By default those named validation, valid, val or dev, "
        "else a share of the training proteins (holdout).",
    )
    test: Annotated[list[str], Option("--test")] = Field(
        default_factory=list,
        description="Folds kept out of the training, for topo evaluate. By default the fold test.",
    )
    holdout: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Fraction of the training proteins of each type used for validation where no "
        "validation fold is given.",
    )
    extra: list[ExtraConfig] = Field(
        default_factory=list, description="Additional training proteins."
    )
    structures: Annotated[str | None, Option("--structures")] = Field(
        default=None,
        description="Path to a folder of PDB or mmCIF files, found by protein id or by an "
        "index.tsv.",
    )
    structure_dropout: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Fraction of structures that training leaves out at random.",
    )
    plddt_dropout: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Fraction of structures whose pLDDT values training leaves out at random.",
    )
    features: Annotated[str | None, Option("--features")] = Field(
        default=None,
        description="Path to an HDF5 file with a data set (residues, features) for each protein, "
        "by id, accession, MD5 or SHA-256 of the sequence.",
    )
    missing_features: Annotated[Literal["refuse", "mask"], Option("--missing-features")] = Field(
        default="refuse",
        description="Treatment of proteins without features in the file: refuse (an error lists "
        "them) or mask (they are read without features).",
    )
    feature_dropout: Annotated[float, Option("--feature-dropout")] = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Fraction of proteins whose features training leaves out at random.",
    )
    crop: Annotated[int, Option("--crop", "--max-length")] = Field(
        default=500,
        ge=0,
        description="Maximum length of a piece of a chain in training, in residues; 0 disables "
        "cropping.",
    )
    substitutions: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Fraction of residues that training replaces, with the odds of BLOSUM62.",
    )
    blur: int = Field(
        default=0,
        ge=0,
        description="Number of residues on each side of the ends of a membrane segment whose "
        "labels training treats as unknown.",
    )
    size: Annotated[int | None, Option("--train-size")] = Field(
        default=None,
        gt=0,
        description="Number of training proteins, drawn in proportion to the types. By default "
        "all.",
    )


class SamplingConfig(Section):
    """Frequencies with which training draws the proteins."""

    power: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Exponent of the sampling weights: the weight of a type is its frequency to "
        "the power of minus this number.",
    )
    factors: dict[str, float] = Field(
        default_factory=dict,
        description="Additional factors of the sampling weights by type, e.g. {BETA: 2}.",
    )
    samples: int | None = Field(
        default=None,
        gt=0,
        description="Number of proteins drawn per epoch. By default the size of the training set, "
        "but at least minimum.",
    )
    minimum: int = Field(
        default=172,
        gt=0,
        description="Minimum number of proteins drawn per epoch where samples is not given. A "
        "smaller training set is drawn from repeatedly, so that an epoch has enough steps.",
    )

    def draws(self, proteins: int) -> int:
        """Return the number of proteins drawn per epoch from a training set of a size."""
        return self.samples or max(proteins, self.minimum)

    @field_validator("factors")
    @classmethod
    def _known_types(cls, factors: dict[str, float]) -> dict[str, float]:
        for name, factor in factors.items():
            if name not in TYPES or factor < 0:
                raise ValueError(f"found {name}: {factor}, expected factors >= 0 of {TYPES}")
        return factors
