"""Schema of the configuration: the tree of sections and the checks between them.

The description of a field is the help text of its option and its comment in YAML files.
"""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator
from pydantic.fields import FieldInfo

from topo.config.data import DataConfig, SamplingConfig
from topo.config.model import GraphConfig, ModelConfig
from topo.config.section import Section
from topo.config.task import TaskConfig
from topo.config.training import (
    DistillationConfig,
    LossConfig,
    PretrainingConfig,
    TrackingConfig,
    TrainingConfig,
)
from topo.labels import TYPES

MONITORS = (
    *(f"val_{name}" for name in ("loss", "topology_loss", "type_loss", "cleavage_loss")),
    *(f"val_{name}" for name in ("residue_accuracy", "overlap_accuracy")),
    *(f"val_{kind}_accuracy_{name}" for kind in ("type", "topology") for name in ("macro", *TYPES)),
)
"""Validation metrics that can select the best epoch."""


SEQUENCE_MONITORS = ("val_loss", "val_accuracy", "val_step_accuracy")
"""Those of sequences of numbers."""


class Config(Section):
    """Complete configuration of a run."""

    graph: GraphConfig = Field(default_factory=GraphConfig, description="Residue graph.")
    model: ModelConfig = Field(default_factory=ModelConfig, description="Model.")
    data: DataConfig = Field(default_factory=DataConfig, description="Proteins.")
    sampling: SamplingConfig = Field(
        default_factory=SamplingConfig, description="Sampling of the training proteins."
    )
    loss: LossConfig = Field(default_factory=LossConfig, description="Weights of the losses.")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="Optimisation.")
    distillation: DistillationConfig = Field(
        default_factory=DistillationConfig, description="Distillation of a teacher."
    )
    pretraining: PretrainingConfig = Field(
        default_factory=PretrainingConfig, description="Masked-residue pre-training."
    )
    task: TaskConfig = Field(
        default_factory=TaskConfig, description="Sequences of numbers in place of proteins."
    )
    tracking: TrackingConfig = Field(default_factory=TrackingConfig, description="Tracking.")

    @model_validator(mode="after")
    def _monitor_exists(self) -> Config:
        known = SEQUENCE_MONITORS if self.task.is_numeric else MONITORS
        if self.training.monitor not in known:
            raise ValueError(
                f"training.monitor: unknown metric {self.training.monitor}, "
                f"expected one of {', '.join(known)}"
            )
        return self

    @model_validator(mode="after")
    def _disjoint_folds(self) -> Config:
        d = self.data
        for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
            if shared := set(getattr(d, a)) & set(getattr(d, b)):
                raise ValueError(f"data: fold {sorted(shared)[0]} is both in {a} and in {b}")
        return self


def config_fields(section: type[BaseModel] = Config, prefix: str = "") -> dict[str, FieldInfo]:
    """Return the fields of the configuration, sections included, by their dotted keys."""
    found = {}
    for name, field in section.model_fields.items():
        found[prefix + name] = field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= config_fields(field.annotation, f"{prefix}{name}.")
    return found
