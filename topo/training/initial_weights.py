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
from topo.nn.tagger import Tagger
from topo.runs import Run
from topo.training.scheme_weights import fitted_weights


@dataclass(frozen=True)
class InitialWeights:
    """Weights by name, and their origin as recorded in ``run.json``; both may be empty."""

    weights: Mapping[str, Tensor] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def initial_weights(config: Config, tagger: Tagger | None = None) -> InitialWeights:
    """Read the weights of the checkpoint, run or trunk ``config.training.init``.

    Without ``init`` there are no weights. A checkpoint has all weights of a tagger, a pre-trained
    trunk those of the trunk. The grammar of a checkpoint may be another one, see
    :func:`topo.training.scheme_weights.fitted_weights`. A warning is issued if the corpus of the
    trunk may hold proteins similar to the evaluated folds.

    Parameters
    ----------
    config
        Configuration of the training.
    tagger
        Tagger to be trained, whose grammar the weights of a checkpoint are fitted to. They are
        not changed if None.

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
        parts = ("graph.", "model.encoder.", "model.conv", "model.recurrent.")
        _warn_of_relatives(start, config.data)
    else:
        parts = ("graph.", "model.")
    found, expected = (_without_grammar(each) for each in (start.config, config))
    difference = first_difference(found, expected, parts, besides=".dropout")
    if difference:
        raise ConfigError(
            f"training.init: {config.training.init} is of another architecture: {difference}"
        )
    weights = start.weights if isinstance(start, PretrainedTrunk) else _weights(start, tagger)
    known = {key: start.metrics.get(key, {}) for key in ("data_sha256", "left_out")}
    return InitialWeights(weights, {"path": config.training.init, **known})


def _weights(start: Checkpoint, tagger: Tagger | None) -> Mapping[str, Tensor]:
    """Return the weights of a checkpoint for a tagger of the same architecture."""
    model = start.tagger
    if tagger is None or not isinstance(model, Tagger) or model.crf.grammar == tagger.crf.grammar:
        return model.state_dict()
    return fitted_weights(model, tagger)


def _without_grammar(config: Config) -> Config:
    """Return a configuration with the built-in grammar."""
    heads = config.model.heads.model_copy(update={"grammar": None})
    model = config.model.model_copy(update={"heads": heads})
    return config.model_copy(update={"model": model})


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
