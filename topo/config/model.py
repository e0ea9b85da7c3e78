"""Configuration of the residue graph and of the network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from topo.config.section import Option, Section


class FeatureConfig(Section):
    """Features of the residues that a file provides, e.g. embeddings of a language model."""

    name: str | None = Field(
        default=None,
        description="Name of the features, e.g. of the language model. By default the attribute "
        "model of the file.",
    )
    width: int = Field(
        default=0,
        ge=0,
        description="Number of features of a residue, taken from the file of data.features; 0 "
        "reads none. The model also reads proteins without features.",
    )
    keys: Literal["id", "md5", "sha256"] | None = Field(
        default=None,
        description="Keys of the file: id, md5 (of the sequence) or sha256 (of "
        "SEQUENCE_LENGTH). Taken from the file of data.features.",
    )


class GraphConfig(Section):
    """Residue graph."""

    window: int = Field(
        default=4, ge=1, description="Number of chain neighbours on each side of a residue."
    )
    structure: bool = Field(
        default=False,
        description="Use coordinates where a protein has them: spatial edges, distances and the "
        "geometry of the backbone. The model also reads proteins without coordinates.",
    )
    knn: int = Field(
        default=16,
        ge=0,
        description="Number of nearest C-alpha atoms joined to a residue. Needs structure: true.",
    )
    radius: float = Field(
        default=0.0,
        ge=0,
        description="Distance within which all C-alpha atoms are joined to a residue, in angstrom; "
        "0 joins the nearest ones only. Needs structure: true.",
    )
    features: FeatureConfig = Field(
        default_factory=FeatureConfig, description="Features of the residues from a file."
    )


class EncoderConfig(Section):
    """Graph convolutions."""

    kind: Annotated[Literal["gcn", "sage", "gat", "rgcn", "schnet"], Option("--graph")] = Field(
        default="rgcn",
        description="Kind of graph convolution: gcn, sage, gat, rgcn or schnet. gat and schnet use "
        "the distance and the signed separation of an edge, rgcn the separation, gcn and sage "
        "neither.",
    )
    gcs: Annotated[int, Option("--gcs")] = Field(
        default=64,
        ge=0,
        description="Number of channels of the graph convolutions (GCSize); 0 leaves them out.",
    )
    layers: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Number of graph convolutions, each with a residual connection. The default of "
        "schnet is 6.",
    )
    relations: int = Field(
        default=1,
        ge=1,
        description="Number of separations on each side with weights of their own; larger "
        "separations share the weights of the last. Used by rgcn only.",
    )
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="Dropout rate after each graph convolution."
    )
    filters: int = Field(
        default=128,
        gt=0,
        description="Number of filters of each continuous convolution. Used by schnet only.",
    )
    gaussians: int = Field(
        default=50,
        gt=1,
        le=10_000,
        description="Number of radial basis functions that represent a distance. Used by gat and "
        "schnet only.",
    )
    cutoff: float = Field(
        default=10.0,
        gt=0,
        description="Centre of the last radial basis function, in angstrom; schnet leaves out "
        "longer edges. Used by gat and schnet only.",
    )

    projection: int = Field(
        default=64,
        gt=0,
        description="Number of channels onto which the features of data.features are projected.",
    )

    @model_validator(mode="before")
    @classmethod
    def _schnet_is_deep(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("kind") == "schnet":
            return {"layers": 6, **fields}
        return fields


class ConvConfig(Section):
    """Convolution along the chain."""

    filters: int = Field(gt=0, description="Number of filters.")
    width: int = Field(gt=0, description="Width of a filter, an odd number of residues.")

    @field_validator("width")
    @classmethod
    def _odd(cls, width: int) -> int:
        if width % 2 == 0:
            raise ValueError("expected an odd width")
        return width


class RecurrentConfig(Section):
    """Recurrent stack."""

    cell: Annotated[Literal["lstm", "gru"], Option("--cell")] = Field(
        default="lstm", description="Recurrent cell: lstm or gru."
    )
    direction: Annotated[Literal["uni", "bi"], Option("--direction")] = Field(
        default="bi",
        description="Reading direction: uni (from the N-terminus) or bi (both directions).",
    )
    size: Annotated[int, Option("--lstm")] = Field(
        default=128, gt=0, description="Hidden size of the recurrent cell per direction (LSTMSize)."
    )
    layers: Annotated[int, Option("--layers")] = Field(
        default=4, ge=1, le=100, description="Number of stacked recurrent layers."
    )
    dropout: Annotated[float, Option("--dropout")] = Field(
        default=0.1, ge=0, lt=1, description="Dropout rate between the recurrent layers."
    )


class HeadsConfig(Section):
    """Output heads."""

    topology: Literal["crf", "cross_entropy"] = Field(
        default="crf",
        description="Loss of the topology head: crf (conditional random field over the grammar) or "
        "cross_entropy (of each residue independently).",
    )
    channels: Literal["letters", "states"] = Field(
        default="letters",
        description="Emissions of the CRF: letters (one per label) or states (one per state of the "
        "grammar).",
    )
    type: bool = Field(default=True, description="Add a protein-type head on the pooled chain.")
    cleavage: bool = Field(
        default=True,
        description="Add a cleavage-site head, which scores the last residue of an S segment.",
    )
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Dropout rate before the heads.")
    grammar: str | dict[str, Any] | None = Field(
        default=None,
        description="Path to a grammar file, or its content. By default the built-in grammar.",
    )


class ModelConfig(Section):
    """Tagger, in the order in which a protein passes through it."""

    encoder: EncoderConfig = Field(default_factory=EncoderConfig, description="Graph convolutions.")
    conv: list[ConvConfig] = Field(
        default_factory=list,
        max_length=2,
        description="Convolutions along the chain, after the graph convolutions; at most two, each "
        "{filters: NUMBER, width: RESIDUES}.",
    )
    recurrent: RecurrentConfig = Field(
        default_factory=RecurrentConfig, description="Recurrent stack."
    )
    heads: HeadsConfig = Field(default_factory=HeadsConfig, description="Output heads.")
