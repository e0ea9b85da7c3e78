"""Continuation of a run: longer, or with its data at another place."""

from __future__ import annotations

from pathlib import Path

from topo.config import Config
from topo.data.splits import SPLITS, Splits
from topo.errors import ConfigError
from topo.runs import Run
from topo.training.checkpoint_files import checkpoint_to_resume, read_checkpoint


def continued(run: Run, *, epochs: int | None = None, data: str | None = None) -> Config:
    """Return the configuration to continue a run with.

    Parameters
    ----------
    run
        Run to continue.
    epochs
        New number of epochs, more than before; by default that of the run.
    data
        Path to the file of labelled proteins, where it is no longer at the path of the run.

    Raises
    ------
    TopoError
        If the folder is not a run folder, or ``epochs`` does not lengthen it.
    """
    config = run.config()
    if run.info().get("verb") == "pretrain":
        raise ConfigError(f"{run.path}: found a run of topo pretrain; {run.resume_command()}")
    if epochs is not None and epochs < config.training.epochs:
        raise ConfigError(
            f"--epochs: found {epochs}, expected at least the {config.training.epochs} epochs of "
            f"{run.path}, which --resume can only lengthen"
        )
    if epochs is not None:
        config.training.epochs = epochs
    if data is not None:
        config.data.path = str(Path(data).absolute())
    return config


def check_same_data(run: Run, splits: Splits) -> None:
    """Check that the data of a run are those that it began with, by checksum and number.

    Raises
    ------
    ConfigError
        If they are not.
    """
    info = run.info()
    before = {*info.get("data_sha256", {}).values()} - {None}
    found = {*splits.checksums.values()} - {None}
    if before and found and before != found:
        raise ConfigError(
            f"{run.path}: the data have changed since the run began (other checksum), expected "
            f"{', '.join(info['data_sha256'])} as it was"
        )
    counts = {name: len(getattr(splits, name)) for name in SPLITS}
    if info.get("proteins", counts) != counts:
        raise ConfigError(
            f"{run.path}: the data have changed since the run began: found {_text(counts)}, "
            f"expected {_text(info['proteins'])}"
        )


def record_length(run: Run, config: Config) -> None:
    """Record in ``run.json`` that a run is lengthened to the epochs of ``config``.

    ``lengthened`` lists the earlier numbers of epochs, each with the number of epochs that had
    ended when it was changed.
    """
    planned = run.config().training.epochs
    newest = checkpoint_to_resume(run)
    if config.training.epochs == planned or newest is None:
        return
    done = int(read_checkpoint(newest)["epoch"]) + 1
    earlier = run.info().get("lengthened", [])
    run.update_info(lengthened=[*earlier, [planned, done]])


def _text(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
