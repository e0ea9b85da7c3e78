"""What a training begins with instead of random weights: a tagger's or a pre-trained trunk's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from topo.checkpoint import (
    Checkpoint,
    PretrainedTrunk,
    ensemble_members,
    is_trunk,
    load_checkpoint,
    load_trunk,
)
from topo.config import Config, first_difference
from topo.errors import ConfigError, InputWarning
from topo.runs import Run


@dataclass(frozen=True)
class InitialWeights:
    """Weights by name, and what ``run.json`` says of where they come from; both may be empty."""

    weights: Mapping[str, Tensor] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def initial_weights(config: Config) -> InitialWeights:
    """Read the weights of the checkpoint, run or trunk ``config.training.init``; none: no weights.

    Of a whole checkpoint these are all weights; of a pre-trained trunk those of the trunk, with a
    warning where its corpus may hold relatives of the folds to be evaluated.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or of another version.
    ConfigError
        If it is not of the architecture of ``config``.
    """
    if not config.training.init:
        return InitialWeights()
    start = _start(Path(config.training.init))
    if isinstance(start, PretrainedTrunk):
        weights = start.weights
        parts = ("graph.", "model.encoder.", "model.conv", "model.recurrent.")
        _warn_of_relatives(start, config)
    else:
        weights = start.tagger.state_dict()
        parts = ("graph.", "model.")
    difference = first_difference(start.config, config, parts, besides=".dropout")
    if difference:
        raise ConfigError(
            f"training.init: {config.training.init} is of another architecture: {difference}"
        )
    known = {key: start.metrics.get(key, {}) for key in ("data_sha256", "left_out")}
    return InitialWeights(weights, {"path": config.training.init, **known})


def _start(folder: Path) -> Checkpoint | PretrainedTrunk:
    """Read a run, or the folder of a tagger or trunk."""
    run = Run(folder)
    place = next((path for path in (run.model, run.trunk) if path.is_dir()), folder)
    if is_trunk(place):
        return load_trunk(place)
    found = load_checkpoint(place)
    if ensemble_members(place):
        raise ConfigError(f"training.init: {folder} is an ensemble, expected a single model")
    return found


def _warn_of_relatives(trunk: PretrainedTrunk, config: Config) -> None:
    rule = trunk.config.pretraining
    evaluated = {*config.data.validation, *config.data.test}
    if rule.exclude_similar is not None:
        evaluated -= set(rule.exclude_folds) or evaluated
    if evaluated:
        warnings.warn(
            f"training.init: the corpus of {trunk.path} may hold proteins similar to those of "
            f"{', '.join(sorted(evaluated))}, expected pre-training with --exclude-similar",
            InputWarning,
            stacklevel=2,
        )
