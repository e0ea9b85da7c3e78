"""The one configuration tree: documented, validated, read from YAML, overridden by ``a.b=value``.

The description of a field is what ``topo train --help`` and the commented YAML print.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from topo.errors import ConfigError
from topo.labels import TYPES

MONITORS = (
    *(f"val_{name}" for name in ("loss", "topology_loss", "type_loss", "cleavage_loss")),
    *(f"val_{name}" for name in ("residue_accuracy", "overlap_accuracy")),
    *(f"val_{kind}_accuracy_{name}" for kind in ("type", "topology") for name in ("macro", *TYPES)),
)
"""Validation metrics that can pick the best epoch."""


_ENDLESS_NUMBER = re.compile(r"[0-9a-fA-F_]{1000}")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class ConvConfig(_Section):
    """One convolution along the chain."""

    filters: int = Field(gt=0, description="number of filters")
    width: int = Field(gt=0, description="residues that one filter sees, odd")

    @field_validator("width")
    @classmethod
    def _odd(cls, width: int) -> int:
        if width % 2 == 0:
            raise ValueError("expected an odd width")
        return width


class GraphConfig(_Section):
    """What the residue graph holds."""

    window: int = Field(4, ge=1, description="chain neighbours on each side of a residue")
    structure: bool = Field(
        False,
        description="let the model see coordinates where there are any: spatial edges, distances "
        "and the geometry of the backbone; it reads proteins without them too",
    )
    knn: int = Field(
        16, ge=0, description="with structure: nearest C-alphas that a residue is joined to"
    )
    radius: float = Field(
        0.0,
        ge=0,
        description="with structure: joined also to all C-alphas within this, angstrom; 0: none",
    )

    @property
    def spatial(self) -> GraphConfig | None:
        """What the graph takes from coordinates; None for sequence only."""
        return self if self.structure else None


class EncoderConfig(_Section):
    """The graph convolutions."""

    kind: Literal["gcn", "sage", "gat", "rgcn", "schnet"] = Field(
        "rgcn",
        description="graph convolution; gat and schnet see the distance and the signed separation "
        "of an edge, rgcn the separation, gcn and sage neither",
    )
    gcs: int = Field(64, ge=0, description="width (GCSize); 0 leaves the encoder out")
    layers: int = Field(
        2,
        ge=1,
        le=100,
        description="graph convolutions, each with a residual connection; 6 of schnet by default",
    )
    relations: int = Field(
        1, ge=1, description="rgcn: separations told apart on each side (farther ones share one)"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout after each graph convolution")
    filters: int = Field(128, gt=0, description="schnet: filters of each continuous convolution")
    gaussians: int = Field(
        50, gt=1, description="gat and schnet: radial basis functions that a distance becomes"
    )
    cutoff: float = Field(
        10.0,
        gt=0,
        description="distance of the last radial basis function, angstrom; schnet leaves out "
        "longer edges",
    )

    @model_validator(mode="before")
    @classmethod
    def _schnet_is_deep(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("kind") == "schnet":
            return {"layers": 6, **fields}
        return fields


class RecurrentConfig(_Section):
    """The recurrent stack."""

    cell: Literal["lstm", "gru"] = Field("lstm", description="recurrent cell")
    direction: Literal["uni", "bi"] = Field("bi", description="one or two directions")
    size: int = Field(128, gt=0, description="hidden size per direction (LSTMSize)")
    layers: int = Field(4, ge=1, le=100, description="stacked layers")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout between the layers")
    layer_norm: bool = Field(True, description="layer normalisation of each layer's output")


class HeadsConfig(_Section):
    """What is read off the recurrent stack."""

    topology: Literal["crf", "cross_entropy"] = Field(
        "crf",
        description="loss of the topology head: a conditional random field over the grammar, or "
        "cross-entropy of each residue by itself",
    )
    channels: Literal["letters", "states"] = Field(
        "letters", description="emissions of the field: one a label, or one a grammar state"
    )
    type: bool = Field(True, description="protein-type head on the pooled chain")
    cleavage: bool = Field(True, description="cleavage-site head, scores the end of an S segment")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout before the heads")
    grammar: str | dict[str, Any] | None = Field(
        None, description="grammar file, or its content; none takes the built-in one"
    )


class ModelConfig(_Section):
    """The tagger, in the order in which a protein passes through it."""

    encoder: EncoderConfig = Field(default_factory=EncoderConfig, description="graph convolutions")
    conv: list[ConvConfig] = Field(
        default_factory=list,
        max_length=2,
        description="convolutions along the chain, after the graph convolutions",
    )
    recurrent: RecurrentConfig = Field(
        default_factory=RecurrentConfig, description="recurrent stack"
    )
    heads: HeadsConfig = Field(default_factory=HeadsConfig, description="heads")


class ExtraConfig(_Section):
    """Further labelled proteins for training only."""

    path: str = Field(description="file of labelled proteins")
    exclude_similar: str | None = Field(
        None,
        description="TSV with a row for each record of the file, in its order, and a column "
        "similar_folds: records similar to a validation or test fold are left out, and by a column "
        "source those whose labels come from a validation or test protein",
    )
    weight: float = Field(
        1.0,
        gt=0,
        description="sampling weight against the main set's proteins of the same type",
    )
    blur: int = Field(
        0,
        ge=0,
        description="residues on each side of a membrane segment's ends whose labels are unknown, "
        "before data.blur",
    )


class DataConfig(_Section):
    """Which proteins train, validate and test."""

    path: str | None = Field(None, description="labelled proteins; none takes the bundled set")
    train: list[str] = Field(default_factory=list, description="folds to train on; none: the rest")
    validation: list[str] = Field(default_factory=list, description="folds to validate on")
    test: list[str] = Field(default_factory=list, description="folds for topo evaluate")
    holdout: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of the training proteins, by type, that validates where no fold does",
    )
    extra: list[ExtraConfig] = Field(default_factory=list, description="further training proteins")
    structures: str | None = Field(
        None, description="folder of PDB or mmCIF files, found by id or by its index.tsv"
    )
    structure_dropout: float = Field(
        0.25, ge=0, le=1, description="share of structures that training leaves out at random"
    )
    plddt_dropout: float = Field(
        0.5, ge=0, le=1, description="share of structures whose pLDDT training leaves out"
    )
    crop: int = Field(
        500, ge=0, description="longest piece of a chain seen in training, residues; 0: no crop"
    )
    substitutions: float = Field(
        0.0, ge=0, lt=1, description="share of residues that training replaces, by BLOSUM62's odds"
    )
    blur: int = Field(
        0,
        ge=0,
        description="residues on each side of a membrane segment's ends whose labels training "
        "takes as unknown",
    )
    size: int | None = Field(
        None, gt=0, description="train on this many proteins only, the types in proportion"
    )


class SamplingConfig(_Section):
    """How often each protein is drawn."""

    power: float = Field(
        1.0, ge=0, le=1, description="weight of a type = its frequency to minus this power"
    )
    factors: dict[str, float] = Field(
        default_factory=dict, description="further factor for a type, e.g. {BETA: 2}"
    )
    samples: int | None = Field(
        None, gt=0, description="proteins drawn an epoch; none: as many as the training set holds"
    )

    @field_validator("factors")
    @classmethod
    def _known_types(cls, factors: dict[str, float]) -> dict[str, float]:
        for name, factor in factors.items():
            if name not in TYPES or factor < 0:
                raise ValueError(f"found {name}: {factor}, expected factors >= 0 of {TYPES}")
        return factors


class LossConfig(_Section):
    """Weights of the losses that are added up."""

    topology: float = Field(
        0.01, ge=0, description="of the topology's negative log-likelihood, nats a protein"
    )
    type: float = Field(0.5, ge=0, description="of the protein type's negative log-likelihood")
    cleavage: float = Field(0.1, ge=0, description="of the cleavage-site head's cross-entropy")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="of the residue cross-entropy, where that is the loss"
    )


class TrainingConfig(_Section):
    """The optimisation."""

    init: str | None = Field(
        None,
        description="checkpoint, run or pre-trained trunk to start from, of the same architecture; "
        "none: afresh",
    )
    init_rate: float = Field(
        1.0,
        gt=0,
        description="learning rate of the weights that came from init, as a multiple of the rest",
    )
    epochs: int = Field(30, gt=0, description="passes at the most")
    batch: int = Field(32, gt=0, description="proteins a batch at the most")
    batch_residues: int = Field(
        25_000, gt=0, description="residues a batch at the most (a longer chain goes alone)"
    )
    optimizer: Literal["muon", "adamw"] = Field(
        "muon", description="muon: Muon for the recurrent stack's matrices, AdamW for the rest"
    )
    learning_rate: float = Field(3e-3, gt=0, description="peak learning rate of AdamW")
    muon_rate: float = Field(
        2.0, gt=0, description="learning rate of Muon, as a multiple of that of AdamW"
    )
    grammar_rate: float = Field(
        10.0, gt=0, description="learning rate of the grammar's scores, as a multiple of the rest"
    )
    weight_decay: float = Field(0.01, ge=0, description="weight decay of matrices")
    schedule: Literal["cosine", "onecycle", "constant"] = Field(
        "cosine", description="learning rate after the warm-up"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps spent warming up")
    clip: float = Field(5.0, ge=0, description="largest gradient norm; 0: no clipping")
    ema: float = Field(
        0.99, ge=0, lt=1, description="decay of the moving average of weights; 0: none"
    )
    monitor: str = Field(
        "val_loss",
        description="validation metric that picks the best epoch: any val_ column of history.csv; "
        "a loss is minimised, everything else maximised",
    )
    patience: int = Field(0, ge=0, description="epochs without progress before stopping; 0: never")
    seed: int = Field(0, ge=0, description="seed of weights, sampling, crops and dropout")
    precision: Literal["auto", "32", "bf16"] = Field(
        "auto", description="bf16 multiplies in bfloat16; auto does where the processor gains by it"
    )
    accelerator: str = Field("cpu", description="cpu, cuda (gpu) or auto")
    devices: int = Field(1, gt=0, description="devices to train on")
    threads: int = Field(0, ge=0, description="torch threads; 0: as torch finds them")
    deterministic: bool = Field(False, description="bit-equal history on the same machine")


class PretrainingConfig(_Section):
    """Masked-residue pre-training (``topo pretrain``).

    It takes the architecture from ``graph`` and ``model``, and optimiser, seed, precision and
    device from ``training``; batches, length and picking of the best weights are said here.
    """

    corpus: str | None = Field(None, description="FASTA of unlabelled proteins, plain or gzipped")
    exclude_similar: str | None = Field(
        None,
        description="TSV with the columns id and similar_folds (F1,F2 or -): proteins of the "
        "corpus that are similar to an excluded fold are left out",
    )
    exclude_folds: list[str] = Field(
        default_factory=list, description="folds excluded so; none: every fold of the table"
    )
    residues: int = Field(20_000_000, gt=0, description="residues to show, counting repeats")
    interval: int = Field(
        1_000_000, gt=0, description="residues between validations, each a row of history.csv"
    )
    validation: int = Field(
        200_000,
        gt=0,
        description="residues of the corpus held out, whole proteins; a tenth of it at the most",
    )
    crop: int = Field(256, gt=0, description="longest piece of a chain, residues")
    batch_residues: int = Field(8_192, gt=0, description="padded residues a batch at the most")
    chosen: float = Field(
        0.15, gt=0, le=1, description="share of residues chosen to be told from their surroundings"
    )
    masked: float = Field(0.8, ge=0, le=1, description="share of the chosen shown as unknown")
    random: float = Field(
        0.1, ge=0, le=1, description="share of the chosen shown as a random residue; the rest stay"
    )
    workers: int = Field(
        0, ge=0, description="processes that prepare batches; 0: the training does it itself"
    )

    @model_validator(mode="after")
    def _interval_holds_pieces(self) -> PretrainingConfig:
        if self.interval < 2 * self.crop:
            raise ValueError(
                f"found interval {self.interval}, expected at least two pieces of {self.crop}"
            )
        return self

    @model_validator(mode="after")
    def _shares_add_up(self) -> PretrainingConfig:
        if self.masked + self.random > 1 + 1e-9:
            raise ValueError(
                f"found masked {self.masked} and random {self.random}, expected at most 1 together"
            )
        return self


class TrackingConfig(_Section):
    """Where the numbers go besides the run's folder."""

    wandb: Literal["off", "offline", "online"] = Field("off", description="Weights & Biases")
    project: str = Field("topo", description="project at Weights & Biases")
    examples: int = Field(8, ge=0, description="validation proteins in the table of predictions")


class Config(_Section):
    """Everything that shapes a run."""

    graph: GraphConfig = Field(default_factory=GraphConfig, description="residue graph")
    model: ModelConfig = Field(default_factory=ModelConfig, description="tagger")
    data: DataConfig = Field(default_factory=DataConfig, description="proteins")
    sampling: SamplingConfig = Field(default_factory=SamplingConfig, description="sampling")
    loss: LossConfig = Field(default_factory=LossConfig, description="loss weights")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="optimisation")
    pretraining: PretrainingConfig = Field(
        default_factory=PretrainingConfig, description="masked-residue pre-training"
    )
    tracking: TrackingConfig = Field(default_factory=TrackingConfig, description="tracking")

    @model_validator(mode="after")
    def _monitor_exists(self) -> Config:
        if self.training.monitor not in MONITORS:
            raise ValueError(
                f"training.monitor: unknown metric {self.training.monitor}, "
                f"expected one of {', '.join(MONITORS)}"
            )
        return self

    @model_validator(mode="after")
    def _disjoint_folds(self) -> Config:
        d = self.data
        for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
            if shared := set(getattr(d, a)) & set(getattr(d, b)):
                raise ValueError(f"data: fold {sorted(shared)[0]} is both in {a} and in {b}")
        return self


def run_name(config: Config) -> str:
    """Name a run by its architecture, e.g. ``conv1-bilstm_cv1128x5_gc64_lay4_sz128``."""
    model, recurrent = config.model, config.model.recurrent
    family = [f"conv{i + 1}" for i in range(len(model.conv))]
    family.append(("bi" if recurrent.direction == "bi" else "") + recurrent.cell)
    parts = ["-".join(family)]
    parts += [f"cv{i + 1}{c.filters}x{c.width}" for i, c in enumerate(model.conv)]
    if model.encoder.gcs:
        parts.append(f"gc{model.encoder.gcs}")
    return "_".join([*parts, f"lay{recurrent.layers}", f"sz{recurrent.size}"])


def load_config(
    path: str | PathLike[str] | None,
    overrides: Iterable[str] = (),
    fields: Mapping[str, Any] | None = None,
) -> Config:
    """Read a YAML file (none: the defaults) and apply fields, then overrides.

    Parameters
    ----------
    path
        YAML file with any part of the tree.
    overrides
        Assignments ``section.field=value``; the value is read as YAML.
    fields
        Values by dotted key.

    Raises
    ------
    ConfigError
        On a missing or malformed file, an unknown key (the nearest valid one is named) or a value
        that does not fit.
    """
    tree = _read_yaml(path) if path is not None else {}
    for key, value in (fields or {}).items():
        _assign(tree, key.split("."), value)
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {override}: expected section.field=value")
        try:
            _assign(tree, key.split("."), parse_yaml(value))
        except yaml.YAMLError:
            raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    return parse_config(tree, str(path) if path is not None else "configuration")


def parse_config(tree: Mapping[str, Any], source: str = "configuration") -> Config:
    """Validate a nested mapping; ``source`` names it in errors (:class:`ConfigError`)."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(error)}") from None


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn a tree into one level with dotted keys."""
    level = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            level |= flat(value, f"{prefix}{key}.")
        else:
            level[prefix + key] = value
    return level


def first_difference(
    found: Config, expected: Config, parts: Sequence[str] = ("",), besides: str | None = None
) -> str | None:
    """Name the first field that differs, with both values; None where there is none.

    Parameters
    ----------
    found, expected
        What is compared.
    parts
        Beginnings of the dotted keys that count.
    besides
        End of the dotted keys that do not count.
    """
    ours, theirs = (flat(config.model_dump(mode="json")) for config in (found, expected))
    for key, value in theirs.items():
        counts = key.startswith(tuple(parts)) and not (besides and key.endswith(besides))
        if counts and ours.get(key) != value:
            return f"found {key} {ours.get(key)}, expected {value}"
    return None


def dump_config(config: Config) -> str:
    """Write the tree as YAML, each field with its description as a comment."""
    return "\n".join(_commented(config, 0)) + "\n"


def parse_yaml(text: str) -> Any:
    """Parse YAML as plain data.

    Raises
    ------
    yaml.YAMLError
        On anything that is not, a date that does not exist or a number or nesting without end
        included.
    """
    if _ENDLESS_NUMBER.search(text):
        raise yaml.YAMLError("a number of more than 1000 digits")
    try:
        return yaml.safe_load(text)
    except (ValueError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from None


def _read_yaml(path: str | PathLike[str]) -> dict[str, Any]:
    try:
        tree = parse_yaml(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{place}: not valid YAML") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: found {type(tree).__name__}, expected a mapping of sections")
    return tree


def _assign(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    for depth, key in enumerate(keys[:-1]):
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            raise ConfigError(f"{'.'.join(keys[: depth + 1])}: found a value, expected a section")
        tree = child
    tree[keys[-1]] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(where)}; did you mean {_nearest_key(where)}?"
    message = first["msg"].removeprefix("Value error, ")
    found = "" if isinstance(first["input"], dict) else f", found {first['input']!r}"
    return f"{'.'.join(where)}: {message}{found}" if where else message


def _nearest_key(where: list[str]) -> str:
    valid, section = _valid_keys(), ".".join(where[:-1])
    siblings = [key for key in valid if section and key.rpartition(".")[0] == section]
    key = ".".join(where)
    far = difflib.get_close_matches(key, valid, n=1, cutoff=0.75)
    return (far or difflib.get_close_matches(key, siblings or valid, n=1, cutoff=0.0))[0]


def _valid_keys(section: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    keys = []
    for name, field in section.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += _valid_keys(field.annotation, f"{prefix}{name}.")
    return keys


def _commented(section: BaseModel, depth: int) -> Iterable[str]:
    pad = "  " * depth
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield f"{pad}# {field.description}"
        if isinstance(value, BaseModel):
            yield f"{pad}{name}:"
            yield from _commented(value, depth + 1)
        else:
            plain = section.model_dump(mode="json")[name]
            flow = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000)
            yield f"{pad}{name}: {flow.removesuffix('...' + chr(10)).strip()}"
