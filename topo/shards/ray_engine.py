"""Shards on a Ray cluster (needs the optional package ray).

Ray Data hands the numbers of shards to a pool of actors that grows and shrinks with the cluster. It
restarts actors that die and repeats their shards; when the driver dies, Ray ends its actors. Only
numbers pass between them: an actor reads the sequences of a shard and writes its files as any other
process does, in the folder that all machines share.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from topo.errors import TopoError
from topo.inference import load_model
from topo.io.claims import POLL, Claims
from topo.io.extras import import_extra
from topo.shards.folder import Receipt, ShardFolder
from topo.shards.prediction import ShardPredictor, complete_shard, receipt_line

_ENOUGH = 0.5
"""Shards at work per actor from which the pool grows.

Ray's default, 1.75, is for actors with a queue; ours have none, and the pool would stay at one. At
one half the pool doubles, so that a large cluster is soon full.
"""


def check_ray() -> None:
    """Check that Ray is installed.

    Raises
    ------
    TopoError
        If it is not.
    """
    import_extra("ray.data", "--engine ray needs Ray", "ray")


def run_ray(
    folder: ShardFolder,
    model: Path,
    among: Sequence[int] | None = None,
    address: str | None = None,
    workers: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Complete the shards of a folder on a Ray cluster.

    Parameters
    ----------
    folder
        Folder of the shards, at the same path on all machines.
    model
        Path to the checkpoint, at the same path on all machines.
    among
        Numbers of shards; all by default.
    address
        Address of the cluster, ``auto`` or ``ray://HOST:PORT``; None starts one on this machine.
    workers
        Number of actors; by default from one to as many as the cluster has room for. On CUDA each
        has a GPU, otherwise a processor core.
    report
        Function that receives a line for each shard that an actor has predicted.

    Raises
    ------
    TopoError
        If the cluster cannot be reached, or a shard fails.
    """
    with _connected(address):
        while left := folder.incomplete(among):
            predicted = 0
            for line in _results(folder, model, left, workers):
                predicted += 1
                report(line)
            if not predicted and folder.incomplete(among):
                time.sleep(POLL)  # other processes have claimed what is left


class ShardActor:
    """Actor that holds the model and predicts shards.

    Parameters
    ----------
    folder
        Path to the folder of the shards.
    model
        Path to the checkpoint.
    """

    def __init__(self, folder: str, model: str) -> None:
        shards = ShardFolder.open(Path(folder))
        device = shards.manifest.options["device"]
        self._predictor = ShardPredictor(shards, load_model(model, device))
        self._claims = Claims(shards.claims)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Complete the shard of a row, unless another process has it.

        Returns
        -------
        dict
            ``line`` of progress, empty if this call predicted nothing, and ``fault``, the message
            of an error.
        """
        index = int(row["shard"])
        try:
            done = complete_shard(self._predictor, self._claims, index)
        except TopoError as error:
            return {"line": "", "fault": str(error)}
        line = receipt_line(index, done) if isinstance(done, Receipt) else ""
        return {"line": line, "fault": ""}


def _results(
    folder: ShardFolder, model: Path, indices: Sequence[int], workers: int | None
) -> Iterator[str]:
    """Pass shards through the actors once, and yield the lines of those that were predicted."""
    import ray.data  # pyright: ignore[reportMissingImports]

    on_gpu = folder.manifest.options["device"] == "cuda"
    rows = ray.data.from_items(
        [{"shard": index} for index in indices], override_num_blocks=len(indices)
    )
    results = rows.map(
        ShardActor,  # pyright: ignore[reportArgumentType]: a class of callables
        fn_constructor_args=(str(folder.path.absolute()), str(model.absolute())),
        compute=ray.data.ActorPoolStrategy(
            min_size=workers or 1,
            max_size=workers or len(indices),
            max_tasks_in_flight_per_actor=1,
        ),
        num_cpus=0 if on_gpu else 1,
        num_gpus=1 if on_gpu else 0,
    )
    for result in results.iter_rows():
        if result["fault"]:
            raise TopoError(result["fault"])
        if result["line"]:
            yield result["line"]


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    import ray.data  # pyright: ignore[reportMissingImports]

    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    options = {"include_dashboard": False} if address == "local" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a cluster that does not answer: see below
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # Ray raises this class itself where a node is late
        reason = " ".join(str(error).split())
        if address == "local":
            raise TopoError(f"Ray has not started on this machine ({reason})") from None
        raise TopoError(f"--address: no Ray cluster at {address} ({reason})") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    if (pools := getattr(context, "autoscaling_config", None)) is not None:
        pools.actor_pool_util_upscaling_threshold = _ENOUGH
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())
        raise TopoError(f"Ray: {reason}; the same command continues") from None
    finally:
        ray.shutdown()
