"""Prediction of the proteins of a split of a run."""

from __future__ import annotations

from pathlib import Path

from topo.data.splits import SPLITS, Splits
from topo.errors import ConfigError, TopoError
from topo.inference.stream import predict
from topo.labels import DECODERS
from topo.protein import Prediction, Protein
from topo.runs import Run, latest_run

_OPTIONS = {"train": "train", "validation": "val", "test": "test"}


def predict_split(
    run: Path | None, split: str, decoder: str = DECODERS[0]
) -> tuple[list[Protein], list[Prediction], Path]:
    """Predict the proteins of a split with the model of its run.

    Parameters
    ----------
    run
        Path to the run folder; None takes the latest run in ``runs``.
    split
        Name of the split: ``train``, ``validation`` or ``test``.
    decoder
        As for :func:`topo.inference.stream.predict`.

    Returns
    -------
    truth : list of Protein
        Labelled proteins of the split.
    predictions : list of Prediction
        Prediction of each protein, in the same order.
    folder : pathlib.Path
        Run folder.

    Raises
    ------
    TopoError
        If the split is unknown or empty, or there is no run.
    """
    if split not in SPLITS:
        raise ConfigError(f"found split {split!r}, expected one of {', '.join(SPLITS)}")
    if run is not None and any((run / name).exists() for name in ("model.safetensors", "members")):
        raise TopoError(
            f"{run}: found a checkpoint, expected a run; use --model {run} --truth FILE"
        )
    found = Run(run) if run is not None else latest_run(Path("runs"))
    splits = Splits.of(found.config())
    truth = getattr(splits, split).proteins
    if not truth:
        others = [name for name in SPLITS if getattr(splits, name).proteins]
        other = "validation" if "validation" in others else "train"
        remedy = f"choose --split {other}, or train" if others else "train"
        raise TopoError(
            f"{found.path}: its {split} split holds no proteins; {remedy} with data.{split} "
            f"(topo train --{_OPTIONS[split]} FOLD)"
        )
    return truth, list(predict(truth, found.path, decoder=decoder)), found.path
