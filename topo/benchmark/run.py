"""Benchmark of training and prediction with repeated measurements.

The result is a nested dictionary of JSON values:

=================  ===============================================================================
``format``         version of this layout
``environment``    ``cpu``, ``threads``, ``precision`` (``32`` or ``bf16``) and library versions
``settings``       the :class:`BenchmarkSettings`
``lengths``        ``proteins``, ``residues`` and length ``quantiles`` (by percent) of the input
``padding_waste``  share of padding in the batches of ``training`` and ``prediction``
``throughput``     of ``training`` and ``prediction``: ``residues_per_second`` and
                   ``proteins_per_second``, medians, and ``repeats`` (residues per second of each)
``floors``         residues per second of the bare stack: ``padded_forward``,
                   ``padded_forward_backward``, ``prediction_forward`` (padded, on the batches of
                   prediction), ``packed_forward``, ``packed_forward_backward`` (of the smallest
                   training batch); and ``matrix_product``, FLOP/s
``ratios``         throughput over a floor of the same repeat, medians: ``training_to_padded``,
                   ``training_to_packed``, ``prediction_to_padded``; and ``training_to_peak``,
                   ``prediction_to_peak``, the share of the fastest matrix product's FLOP/s
``stages``         of ``training`` and ``prediction``: ``seconds`` and ``share`` of each stage
=================  ===============================================================================
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from topo._version import environment
from topo.benchmark.clock import StageClock
from topo.benchmark.floors import Floors, matrix_product_peak, operations
from topo.benchmark.prediction import PredictionBenchmark, random_model
from topo.benchmark.proteins import synthetic_proteins
from topo.benchmark.training import TrainingBenchmark
from topo.checkpoint import Checkpoint, ensemble_members
from topo.config import Config, load_config
from topo.errors import TopoError
from topo.inference import load_model
from topo.io import read_proteins
from topo.labels import UNKNOWN
from topo.nn.precision import training_precision
from topo.protein import Protein

FORMAT = 1
_QUANTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class BenchmarkSettings:
    """Settings of a benchmark.

    Parameters
    ----------
    gcs, lstm, layers, batch
        Width of the encoder, hidden size and number of the recurrent layers, and number of proteins
        per training batch.
    precision
        Precision of the network: ``auto``, ``32`` or ``bf16``.
    data
        Path to a file of proteins, whose lengths and labels are used; None makes synthetic ones.
    proteins
        Number of proteins to predict. Four times as many synthetic proteins are made for training.
    batches
        Number of training batches per repeat.
    repeats
        Number of repeats.
    seed
        Seed of proteins, weights and batches.
    model
        Path to a checkpoint or run folder of one tagger, or name of a bundled checkpoint. Its
        network replaces ``gcs``, ``lstm`` and ``layers``, and its weights predict. None predicts
        with random weights, for which no type can be pruned, so that decoding is slower.
    """

    gcs: int = 64
    lstm: int = 128
    layers: int = 4
    batch: int = 32
    precision: str = "auto"
    data: str | None = None
    proteins: int = 256
    batches: int = 4
    repeats: int = 3
    seed: int = 0
    model: str | None = None

    def config(self) -> Config:
        """Return the configuration of the training, and of the random model.

        Raises
        ------
        ConfigError
            If a value is invalid.
        """
        fields = {
            "model.encoder.gcs": self.gcs,
            "model.recurrent.size": self.lstm,
            "model.recurrent.layers": self.layers,
            "training.batch": self.batch,
            "training.precision": self.precision,
            "training.seed": self.seed,
        }
        return load_config(None, fields=fields)


def benchmark(
    settings: BenchmarkSettings, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Measure throughput, floors and stages on this machine.

    Parameters
    ----------
    settings
        Settings of the benchmark.
    progress
        Function that receives the name of each step before it starts.

    Returns
    -------
    dict
        Results, as described in the table at the top of this module.

    Raises
    ------
    TopoError
        If a setting is invalid, or the model or the file of proteins cannot be read.
    """
    config = settings.config()
    model = _trained(settings.model) if settings.model else random_model(config)
    config = config.model_copy(update={"model": model.config.model, "graph": model.config.graph})
    precision = training_precision(config)
    bfloat16 = precision == "bf16"
    proteins = _proteins(settings)
    chosen = np.random.default_rng(settings.seed).permutation(len(proteins))[: settings.proteins]
    training = TrainingBenchmark(config, proteins, settings.batches)
    prediction = PredictionBenchmark(model, precision, [proteins[i] for i in chosen])
    floors = Floors(prediction.tagger.trunk.conv.width, config.model.recurrent, bfloat16)
    clock = StageClock()
    parts = _parts(training, prediction, floors, clock)
    progress("warming up")
    training.run(StageClock())
    prediction.run()
    floors.padded(training.lengths[:1], backward=True)
    clock.seconds.clear()
    rates = _measure(parts, settings.repeats, progress)
    progress("stages of prediction")
    stages = {"training": clock.report(), "prediction": prediction.stages().report()}
    flops = operations(prediction.tagger)
    mean = {
        "training": float(np.mean(np.concatenate(training.lengths))),
        "prediction": prediction.residues / len(prediction.proteins),
    }
    return {
        "format": FORMAT,
        "environment": {
            "cpu": cpu_name(),
            "threads": torch.get_num_threads(),
            "precision": precision,
            **environment(),
        },
        "settings": asdict(settings),
        "lengths": _length_figures(proteins),
        "padding_waste": {"training": training.waste, "prediction": prediction.waste},
        "throughput": {name: _throughput(rates[name], mean[name]) for name in mean},
        "floors": {name: median(rates[name]) for name in parts if name not in mean},
        "ratios": _ratios(rates, flops),
        "stages": stages,
    }


def _parts(
    training: TrainingBenchmark, prediction: PredictionBenchmark, floors: Floors, clock: StageClock
) -> dict[str, Callable[[], float]]:
    """Return the measurements of a repeat by name; each returns a rate per second."""
    shortest = min(training.lengths, key=lambda lengths: int(lengths.sum()))
    return {
        "training": lambda: training.run(clock),
        "padded_forward_backward": lambda: floors.padded(training.lengths, backward=True),
        "padded_forward": lambda: floors.padded(training.lengths, backward=False),
        # Only the smallest batch: packing is an order of magnitude slower.
        "packed_forward_backward": lambda: floors.packed([shortest], backward=True),
        "packed_forward": lambda: floors.packed([shortest], backward=False),
        "prediction": prediction.run,
        "prediction_forward": lambda: floors.padded(prediction.lengths, backward=False),
        "matrix_product": lambda: matrix_product_peak(floors.bfloat16),
    }


def _measure(
    parts: Mapping[str, Callable[[], float]], repeats: int, progress: Callable[[str], None]
) -> dict[str, list[float]]:
    """Return the rates of all repeats by name of the measurement."""
    rates: dict[str, list[float]] = {name: [] for name in parts}
    for repeat in range(1, repeats + 1):
        for name, run in parts.items():
            progress(f"repeat {repeat} of {repeats}: {name.replace('_', ' ')}")
            rates[name].append(run())
    return rates


def _trained(path: str) -> Checkpoint:
    model = load_model(path)
    if members := ensemble_members(model.path):
        count = len(members)
        raise TopoError(f"{path}: found an ensemble of {count} models, expected one of them")
    return model


def _proteins(settings: BenchmarkSettings) -> list[Protein]:
    if settings.data is None:
        return synthetic_proteins(4 * settings.proteins, settings.seed)
    found = list(read_proteins(settings.data))
    return [p if p.labels else Protein(p.id, p.sequence, UNKNOWN * len(p)) for p in found]


def _length_figures(proteins: list[Protein]) -> dict[str, Any]:
    lengths = [len(protein) for protein in proteins]
    quantiles = np.percentile(lengths, _QUANTILES).tolist()
    return {
        "proteins": len(lengths),
        "residues": sum(lengths),
        "quantiles": dict(zip(map(str, _QUANTILES), quantiles, strict=True)),
    }


def _throughput(rates: list[float], mean_length: float) -> dict[str, Any]:
    rate = median(rates)
    return {
        "residues_per_second": rate,
        "proteins_per_second": rate / mean_length,
        "repeats": rates,
    }


def _ratios(rates: Mapping[str, list[float]], flops: float) -> dict[str, float]:
    """Return ratios of rates of the same repeat, which share the load of the machine."""
    pairs = {
        "training_to_padded": ("training", "padded_forward_backward", 1.0),
        "training_to_packed": ("training", "packed_forward_backward", 1.0),
        "prediction_to_padded": ("prediction", "prediction_forward", 1.0),
        # The derivatives of the inputs and of the weights each take as many operations again.
        "training_to_peak": ("training", "matrix_product", 3 * flops),
        "prediction_to_peak": ("prediction", "matrix_product", flops),
    }
    return {
        name: median(factor * a / b for a, b in zip(rates[ours], rates[floor], strict=True))
        for name, (ours, floor, factor) in pairs.items()
    }


def cpu_name() -> str:
    """Return the name of the processor as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
