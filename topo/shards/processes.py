"""Processes of one machine that work on a folder of shards."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from topo.errors import TopoError
from topo.inference import load_model
from topo.io.claims import POLL, Claims
from topo.shards.folder import ShardFolder
from topo.shards.prediction import ShardPredictor, work


def run_processes(
    folder: ShardFolder, model: Path, devices: Sequence[str], among: Sequence[int] | None = None
) -> None:
    """Complete the shards of a folder with one process per device.

    A process that dies leaves its shard to the others; the run ends when all shards are complete.

    Parameters
    ----------
    folder
        Folder of the shards.
    model
        Path to the checkpoint, which each process loads.
    devices
        Torch device of each process.
    among
        Numbers of shards; all by default.

    Raises
    ------
    TopoError
        If shards are left when all processes have ended.
    """
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_work, args=(folder.path, model, device, among), daemon=True)
        for device in devices
    ]
    for process in processes:
        process.start()
    try:
        while any(process.is_alive() for process in processes):
            for process in processes:
                process.join(POLL / len(processes))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
    if left := folder.incomplete(among):
        codes = ", ".join(str(process.exitcode) for process in processes)
        raise TopoError(
            f"{folder.path}: {len(left):,} shards are left, all processes have ended "
            f"(exit codes {codes}); the same command continues"
        )


def _work(folder: Path, model: Path, device: str, among: Sequence[int] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its processes
    signal.signal(signal.SIGTERM, _leave)
    shards = ShardFolder.open(folder)
    try:
        work(
            ShardPredictor(shards, load_model(model, device)),
            Claims(shards.claims),
            among,
            _report,
        )
    except TopoError as error:
        _print(f"topo: {error}")
        raise SystemExit(2) from None


def _report(line: str) -> None:
    """Print a line, and leave if the parent was killed."""
    _print(f"topo: {line}")
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise SystemExit(1)


def _leave(*_: object) -> None:
    """End the process as an error does, so that its temporary files and claim are removed."""
    raise SystemExit(143)


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
