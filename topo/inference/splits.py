"""Predict a split of a run with the run's own model."""

from __future__ import annotations

from pathlib import Path

from topo.data.splits import SPLITS, Splits
from topo.errors import ConfigError, TopoError
from topo.inference.stream import predict
from topo.labels import DECODERS
from topo.protein import Prediction, Protein
from topo.runs import Run, latest_run


def predict_split(
    run: Path | None, split: str, decoder: str = DECODERS[0]
) -> tuple[list[Protein], list[Prediction], Path]:
    """Predict a split of a run with the run's own model.

    Parameters
    ----------
    run
        Folder of the run; none takes the latest in ``runs``.
    split
        ``train``, ``validation`` or ``test``.
    decoder
        As for :func:`predict`.

    Returns
    -------
    truth, predictions, folder
        The labelled proteins, one prediction each, and the run's folder.
    """
    if split not in SPLITS:
        raise ConfigError(f"found split {split!r}, expected one of {', '.join(SPLITS)}")
    found = Run(run) if run is not None else latest_run(Path("runs"))
    config = found.config()
    truth = getattr(Splits.of(config), split).proteins
    if not truth:
        raise TopoError(f"{found.path}: its {split} split holds no proteins (data.{split})")
    return truth, list(predict(truth, found.path, decoder=decoder)), found.path
