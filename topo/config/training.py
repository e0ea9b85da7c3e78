"""Configuration of losses, optimisation, pre-training and tracking."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from topo.config.section import Option, Section


class LossConfig(Section):
    """Weights of the losses in their sum."""

    topology: float = Field(
        default=0.01,
        ge=0,
        description="Weight of the negative log-likelihood of the topology, in nats per protein.",
    )
    type: float = Field(
        default=0.5,
        ge=0,
        description="Weight of the negative log-likelihood of the protein type, in nats per "
        "protein.",
    )
    cleavage: float = Field(
        default=0.1, ge=0, description="Weight of the cross-entropy of the cleavage-site head."
    )
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Label smoothing of the residue cross-entropy in training. Used with "
        "model.heads.topology: cross_entropy only.",
    )


class TrainingConfig(Section):
    """Optimisation."""

    init: Annotated[str | None, Option("--init")] = Field(
        default=None,
        description="Path to a checkpoint, run or pre-trained trunk of the same architecture to "
        "start from. By default random weights.",
    )
    init_rate: float = Field(
        default=1.0,
        gt=0,
        description="Learning rate of the weights loaded by init, as a multiple of the others'.",
    )
    freeze_trunk: bool = Field(
        default=False,
        description="Whether the trunk keeps the weights loaded by init, so that training changes "
        "the heads alone.",
    )
    epochs: Annotated[int, Option("--epochs")] = Field(
        default=30, gt=0, description="Maximum number of epochs."
    )
    batch: Annotated[int, Option("--batch")] = Field(
        default=32,
        gt=0,
        description="Number of proteins per batch, which is one step of all devices together.",
    )
    batch_residues: int = Field(
        default=25_000,
        gt=0,
        description="Maximum number of residues in memory at a time, with padding. A larger batch "
        "is computed in parts, whose gradients are added.",
    )
    optimizer: Literal["muon", "adamw"] = Field(
        default="muon",
        description="Optimiser: muon (Muon for the matrices of the recurrent stack, AdamW for the "
        "other weights) or adamw.",
    )
    learning_rate: Annotated[float, Option("--learning-rate", "--lr")] = Field(
        default=3e-3, gt=0, le=1e30, description="Peak learning rate of AdamW."
    )
    muon_rate: float = Field(
        default=2.0, gt=0, description="Learning rate of Muon, as a multiple of that of AdamW."
    )
    grammar_rate: float = Field(
        default=10.0,
        gt=0,
        description="Learning rate of the grammar's scores, as a multiple of the others'.",
    )
    weight_decay: Annotated[float, Option("--weight-decay")] = Field(
        default=0.01, ge=0, description="Weight decay of the matrices."
    )
    warmup: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Fraction of all steps in which the learning rate rises to its peak; it then "
        "decays by a cosine.",
    )
    clip: float = Field(
        default=5.0, ge=0, description="Maximum norm of the gradient; 0 disables clipping."
    )
    ema: float = Field(
        default=0.99,
        ge=0,
        lt=1,
        description="Largest decay of the exponential moving average of the weights, which is "
        "(1 + n) / (10 + n) after n steps until then; 0 disables the average.",
    )
    monitor: Annotated[str, Option("--monitor")] = Field(
        default="val_loss",
        description="Validation metric that selects the best epoch, any val_ column of "
        "history.csv: the latest epoch whose val_loss is above the lowest by at most one standard "
        "error of the difference over the validation proteins; the lowest of another loss; the "
        "highest of every other metric.",
    )
    patience: Annotated[int, Option("--patience")] = Field(
        default=0,
        ge=0,
        description="Number of epochs without improvement after which training stops; 0 disables "
        "early stopping.",
    )
    seed: Annotated[int, Option("--seed")] = Field(
        default=0, ge=0, description="Seed of weights, sampling, crops and dropout."
    )
    precision: Annotated[Literal["auto", "32", "bf16"], Option("--precision")] = Field(
        default="auto",
        description="Precision of matrix products: 32 (float32), bf16 (bfloat16) or auto (bfloat16 "
        "where the processor is faster with it).",
    )
    accelerator: Annotated[
        Literal["cpu", "cuda", "gpu", "mps", "auto"], Option("--accelerator")
    ] = Field(default="cpu", description="Device type: cpu, cuda (or gpu), mps or auto.")
    devices: Annotated[int, Option("--devices")] = Field(
        default=1, gt=0, description="Number of devices to train on."
    )
    threads: Annotated[int, Option("--threads")] = Field(
        default=0, ge=0, description="Number of torch threads; 0 keeps the setting of torch."
    )
    deterministic: Annotated[bool, Option("--deterministic")] = Field(
        default=False,
        description="Use deterministic algorithms: the history is bit-equal on the same machine.",
    )


class PretrainingConfig(Section):
    """Masked-residue pre-training (``topo pretrain``).

    The architecture comes from ``graph`` and ``model``; optimiser, seed, precision and device come
    from ``training``. Batch size, crop length and model selection are set here.
    """

    corpus: str | None = Field(
        default=None,
        description="Path to a FASTA file of unlabelled proteins, plain or gzip-compressed.",
    )
    exclude_similar: Annotated[str | None, Option("--exclude-similar")] = Field(
        default=None,
        description="Path to a TSV file with the columns id and similar_folds (F1,F2 or -). "
        "Proteins of the corpus that are similar to an excluded fold are left out.",
    )
    exclude_folds: Annotated[list[str], Option("--exclude-folds")] = Field(
        default_factory=list,
        description="Folds excluded by exclude_similar. By default every fold of its table.",
    )
    residues: Annotated[int, Option("--residues")] = Field(
        default=20_000_000,
        gt=0,
        description="Number of residues to train on, counting repetitions.",
    )
    interval: Annotated[int, Option("--interval")] = Field(
        default=1_000_000,
        gt=0,
        description="Number of residues between validations, each a row of history.csv and a "
        "checkpoint.",
    )
    validation: int = Field(
        default=200_000,
        gt=0,
        description="Number of residues of the corpus held out for validation, in whole proteins; "
        "at most a tenth of the corpus.",
    )
    crop: Annotated[int, Option("--crop")] = Field(
        default=256, gt=0, description="Maximum length of a piece of a chain, in residues."
    )
    batch_residues: int = Field(
        default=8_192, gt=0, description="Maximum number of residues per batch, with padding."
    )
    chosen: float = Field(
        default=0.15, gt=0, le=1, description="Fraction of residues used as prediction targets."
    )
    masked: float = Field(
        default=0.8, ge=0, le=1, description="Fraction of the targets shown as unknown residues."
    )
    random: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Fraction of the targets shown as random residues; the others are unchanged.",
    )
    workers: int = Field(
        default=0,
        ge=0,
        description="Number of processes that prepare batches; 0 prepares them in the training "
        "process.",
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


class DistillationConfig(Section):
    """Training on the predictions of a teacher (Hinton et al. 2015)."""

    teacher: Annotated[str | None, Option("--teacher")] = Field(
        default=None,
        description="Path to a checkpoint, run or ensemble whose predictions the model learns "
        "beside the labels, or to an HDF5 file of label probabilities. By default none.",
    )
    weight: Annotated[float, Option("--teacher-weight")] = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Weight of the teacher's predictions; that of the labels is 1 minus it.",
    )
    temperature: Annotated[float, Option("--temperature")] = Field(
        default=1.0,
        gt=0,
        description="Temperature T of the teacher's probabilities, which become p^(1/T).",
    )
    loss: Literal["likelihood", "marginals"] = Field(
        default="likelihood",
        description="Loss of the teacher's label probabilities: likelihood (expected "
        "log-likelihood) or marginals (divergence of the label marginals, three times the time).",
    )
    features: str | None = Field(
        default=None,
        description="Path to an HDF5 file of features for the teacher; the model itself reads "
        "those of data.features.",
    )
    unlabelled: str | None = Field(
        default=None,
        description="Path to proteins without labels to train on by the teacher's predictions.",
    )


class TrackingConfig(Section):
    """Tracking of runs outside their folder."""

    wandb: Annotated[Literal["off", "offline", "online"], Option("--wandb")] = Field(
        default="off", description="Tracking by Weights & Biases: off, offline or online."
    )
    project: str = Field(default="topo", description="Name of the project at Weights & Biases.")
