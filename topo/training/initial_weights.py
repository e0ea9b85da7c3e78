"""Initial weights from a checkpoint or a pre-trained trunk."""

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
from topo.config import Config, DataConfig, first_difference
from topo.errors import ConfigError, InputWarning
from topo.runs import Run


@dataclass(frozen=True)
class InitialWeights:
    """Weights by name, and their origin as recorded in ``run.json``; both may be empty."""

    weights: Mapping[str, Tensor] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def initial_weights(config: Config) -> InitialWeights:
    """Read the weights of the checkpoint, run or trunk ``config.training.init``.

    Without ``init`` there are no weights. A checkpoint has all weights of a tagger, a pre-trained
    trunk those of the trunk. A warning is issued if the corpus of the trunk may hold proteins
    similar to the evaluated folds.

    Parameters
    ----------
    config
        Configuration of the training.

    Returns
    -------
    InitialWeights
        Weights and their origin.

    Raises
    ------
    CheckpointError
        If the checkpoint does not exist, is damaged or has another format version.
    ConfigError
        If its architecture differs from that of ``config``.
    """
    if not config.training.init:
        return InitialWeights()
    start = _start(Path(config.training.init))
    if isinstance(start, PretrainedTrunk):
        weights = start.weights
        parts = ("graph.", "model.encoder.", "model.conv", "model.recurrent.")
        _warn_of_relatives(start, config.data)
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
    """Read a run folder, or the folder of a tagger or trunk."""
    run = Run(folder)
    place = next((path for path in (run.model, run.trunk) if path.is_dir()), folder)
    if is_trunk(place):
        return load_trunk(place)
    found = load_checkpoint(place)
    if ensemble_members(place):
        raise ConfigError(f"training.init: {folder} is an ensemble, expected a single model")
    return found


def _warn_of_relatives(trunk: PretrainedTrunk, data: DataConfig) -> None:
    """Warn if the pre-training did not exclude proteins similar to the evaluated folds."""
    rule = trunk.config.pretraining
    evaluated = {*data.validation, *data.test}
    if rule.exclude_similar is not None:
        evaluated -= set(rule.exclude_folds) or evaluated
    if evaluated:
        warnings.warn(
            f"training.init: the corpus of {trunk.path} may hold proteins similar to those of "
            f"{', '.join(sorted(evaluated))}, expected pre-training with --exclude-similar",
            InputWarning,
            stacklevel=2,
        )
