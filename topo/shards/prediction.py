"""Prediction of single shards, and the loop of a process that works on a folder."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator

import torch

from topo.checkpoint import Checkpoint
from topo.errors import InputError, TopoError
from topo.inference import PredictionStream, Settings, describe
from topo.io import read_proteins
from topo.io.claims import POLL, Claims
from topo.io.compact import open_compact
from topo.io.files import sha256
from topo.io.records import RecordPolicy
from topo.protein import Protein
from topo.shards.folder import Receipt, ShardFolder


class ShardPredictor:
    """Predicts shards of a folder with a model, on one thread.

    More threads change the rounding, and with it the bytes of the files.

    Parameters
    ----------
    folder
        Folder of the shards.
    checkpoint
        Model on its device.

    Raises
    ------
    TopoError
        If it is not the model of the manifest.
    """

    def __init__(self, folder: ShardFolder, checkpoint: Checkpoint) -> None:
        torch.set_num_threads(1)
        self.folder = folder
        options = folder.manifest.options
        self._checkpoint = checkpoint
        self._device = str(next(checkpoint.tagger.parameters()).device)
        self._settings = Settings(options["decoder"], options["precision"], options["longest"])
        ours = describe(checkpoint, self._settings, self._device)
        folder.manifest.check_options({**options, **ours}, folder.path)

    def predict(self, index: int) -> Receipt:
        """Predict a shard, write its file and then its receipt.

        Raises
        ------
        TopoError
            If the sequences are not those of the manifest, or a file cannot be written.
        """
        folder, options = self.folder, self.folder.manifest.options
        started = time.monotonic()
        stream = PredictionStream(
            self._proteins(index),
            self._checkpoint,
            self._settings,
            options["batch_residues"],
            [self._device],
        )
        records = residues = 0
        output = folder.output(index)
        with open_compact(output, options["format"], options["probabilities"]) as file:
            for protein, prediction in stream:
                file.write(prediction)
                records += 1
                residues += len(protein)
            self._check_numbers(index, records, residues)
        receipt = Receipt(
            records=records,
            residues=residues,
            bytes=output.stat().st_size,
            sha256=sha256(output),
            input=folder.manifest.shards[index].sha256,
            seconds=round(time.monotonic() - started, 2),
            host=socket.gethostname(),
        )
        folder.write_receipt(index, receipt)
        return receipt

    def _proteins(self, index: int) -> Iterator[Protein]:
        path = self.folder.input(index)
        if sha256(path) != self.folder.manifest.shards[index].sha256:
            raise InputError(path, "other content than in the manifest, expected it as planned")
        return read_proteins(path, input_format="fasta", policy=RecordPolicy(report_repeats=False))

    def _check_numbers(self, index: int, records: int, residues: int) -> None:
        shard = self.folder.manifest.shards[index]
        if (records, residues) != (shard.records, shard.residues):
            raise InputError(
                self.folder.input(index),
                f"found {records:,} proteins of {residues:,} residues, expected "
                f"{shard.records:,} of {shard.residues:,}",
            )


def complete_shard(predictor: ShardPredictor, claims: Claims, index: int) -> Receipt | bool | None:
    """Predict a shard unless it is complete or another process works on it.

    Returns
    -------
    Receipt, True or None
        Receipt of the shard if this call has predicted it, True if it was complete, None if another
        process has it.
    """
    folder = predictor.folder
    if folder.is_complete(index):
        return True
    claim = claims.take(folder.name(index))
    if claim is None:
        return None
    with claim:
        if folder.is_complete(index, now=True):
            return True
        if claim.generation:
            folder.remove_temporary(index)
        try:
            return predictor.predict(index)
        except TopoError:
            if folder.is_complete(index):  # by a process that took this claim for stale
                return True
            raise


def work(
    predictor: ShardPredictor,
    claims: Claims,
    among: Iterable[int] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Predict shards until all are complete, also those of other processes that die.

    Parameters
    ----------
    predictor
        Predictor with the folder to work on.
    claims
        Claims in the folder.
    among
        Numbers of shards; all by default.
    report
        Function that receives a line for each shard that this process has predicted.
    """
    folder = predictor.folder
    left = _rotated(folder.incomplete(among), claims.owner.process)
    while left:
        busy = []
        for index in left:
            done = complete_shard(predictor, claims, index)
            if done is None:
                busy.append(index)
            elif isinstance(done, Receipt):
                report(receipt_line(index, done))
        left = [index for index in busy if not folder.is_complete(index)]
        if left:
            time.sleep(POLL)


def receipt_line(index: int, receipt: Receipt) -> str:
    """Return the line of progress of a shard."""
    return (
        f"shard {index}: {receipt.records:,} proteins, {receipt.residues:,} residues, "
        f"{receipt.seconds:.1f} s"
    )


def _rotated(indices: list[int], number: int) -> list[int]:
    """Begin at a place that differs between processes, so that they seldom meet."""
    if not indices:
        return []
    start = number * 7919 % len(indices)
    return indices[start:] + indices[:start]
