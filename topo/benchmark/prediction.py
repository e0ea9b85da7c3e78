"""Benchmark of prediction, from a FASTA file to the files that ``topo predict`` writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from torch import Tensor

from topo.benchmark.clock import StageClock
from topo.benchmark.training import mean_waste
from topo.checkpoint import Checkpoint, build_tagger
from topo.config import Config
from topo.graph import collate, residue_graph
from topo.inference import predict
from topo.inference.batches import cut_window, read_windows
from topo.inference.memory import default_batch_residues
from topo.io import read_inputs, write_fasta
from topo.nn.tagger import Tagger
from topo.protein import Protein
from topo.report.outputs import open_outputs

STAGES = ("read", "featurise", "collate", "encode", "recur", "score", "decode", "write")


def random_model(config: Config) -> Checkpoint:
    """Return a tagger with random weights, drawn with the seed of the configuration."""
    torch.manual_seed(config.training.seed)
    tagger = build_tagger(config).eval()
    return Checkpoint(tagger, config, {}, Path())


class PredictionBenchmark:
    """Repeatable prediction of the same proteins.

    Parameters
    ----------
    model
        Checkpoint of a single tagger, for instance from :func:`random_model`.
    precision
        Precision of the network, ``32`` or ``bf16``.
    proteins
        Proteins to predict; labels are not used.
    """

    def __init__(self, model: Checkpoint, precision: str, proteins: Sequence[Protein]) -> None:
        self.model = model
        self.tagger = cast(Tagger, model.tagger)
        self.precision = precision
        self.budget = default_batch_residues()
        self.proteins = list(proteins)
        self.residues = sum(map(len, self.proteins))
        self.batches = [
            torch.tensor([len(protein) for protein in batch])
            for batch in self._batches(self.proteins)
        ]

    @property
    def lengths(self) -> list[Tensor]:
        """Lengths (B,) of the chains of each batch."""
        return self.batches

    @property
    def waste(self) -> float:
        """Share of padding in the batches."""
        return mean_waste(self.batches)

    def run(self) -> float:
        """Predict from file to files as ``topo predict`` does, and return residues per second."""
        with TemporaryDirectory() as folder:
            fasta = self._fasta(folder)
            started = time.perf_counter()
            answers = predict(
                fasta, self.model, batch_residues=self.budget, precision=self.precision
            )
            with open_outputs(Path(folder) / "out", plots="none") as outputs:
                for prediction in answers:
                    outputs.write(prediction)
            return self.residues / (time.perf_counter() - started)

    @torch.inference_mode()
    def stages(self) -> StageClock:
        """Predict stage by stage and return a clock with the seconds of each stage."""
        clock, graph_config = StageClock(), self.model.config.graph
        for stage in STAGES:
            clock.seconds[stage] = 0.0
        tagger = self._watched(clock)
        with TemporaryDirectory() as folder:
            fasta = self._fasta(folder)
            with clock.stage("read"):
                proteins = list(read_inputs(fasta))
            answers = []
            for batch in self._batches(proteins):
                with clock.stage("featurise"):
                    graphs = [residue_graph(p, graph_config) for p in batch]
                with clock.stage("collate"):
                    graph = collate(graphs)
                with self._autocast():
                    scores = tagger(graph)
                with clock.stage("decode"):
                    answers += tagger.predictions(batch, scores)
            with (
                clock.stage("write"),
                open_outputs(Path(folder) / "out", plots="none") as outputs,
            ):
                for prediction in answers:
                    outputs.write(prediction)
        return clock

    def _watched(self, clock: StageClock) -> Tagger:
        """Return a copy of the tagger whose parts are timed."""
        tagger = deepcopy(self.tagger).eval()
        clock.watch("score", tagger)
        for stage, part in (("encode", tagger.trunk.encoder), ("recur", tagger.trunk.conv),
                            ("recur", tagger.trunk.recurrent)):  # fmt: skip
            clock.watch(stage, part)
        return tagger

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16")

    def _fasta(self, folder: str) -> Path:
        path = Path(folder) / "proteins.fasta"
        write_fasta(self.proteins, path)
        return path

    def _batches(self, proteins: Sequence[Protein]) -> list[list[Protein]]:
        """Divide proteins into the batches of :func:`topo.inference.stream.predict`."""
        return [
            batch.proteins
            for window in read_windows(proteins)
            for batch in cut_window(window, self.budget, False, {}).batches
        ]
