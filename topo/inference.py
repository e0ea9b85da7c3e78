"""From proteins to predictions: batched by length, streamed, in the order of the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from pathlib import Path

import torch

from topo.checkpoint import Checkpoint, load_checkpoint
from topo.data.sampling import length_buckets
from topo.errors import ConfigError, TopoError
from topo.graph import collate, residue_graph
from topo.io import read_proteins
from topo.io.grammar import find_grammar
from topo.nn.tagger import DECODERS, Tagger
from topo.protein import Prediction, Protein
from topo.resources import bundled
from topo.runs import Run, latest_run

WINDOW = 1024
"""Proteins that are read ahead and sorted by length before they are cut into batches."""


def load_model(model: str | PathLike[str] | None = None, device: str = "cpu") -> Checkpoint:
    """Load a trained model.

    Parameters
    ----------
    model
        Folder of a checkpoint or of a run, or the name of a bundled checkpoint; none takes
        ``topo-base``.
    device
        Torch device to put it on.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or of another version.
    """
    path = Path(model) if model is not None else bundled("topo-base")
    if not path.exists() and str(model) == "topo-base":
        path = bundled("topo-base")
    if (path / "model" / "config.yaml").is_file():
        path = path / "model"
    checkpoint = load_checkpoint(path)
    checkpoint.tagger.to(device)
    return checkpoint


def set_threads(threads: int) -> None:
    """Let torch use this many threads; 0 leaves it as it is."""
    if threads:
        torch.set_num_threads(threads)


def predict(
    proteins: str | PathLike[str] | Iterable[Protein],
    model: Checkpoint | str | PathLike[str] | None = None,
    *,
    decoder: str = "viterbi",
    batch_residues: int = 20_000,
) -> Iterator[Prediction]:
    """Predict topologies, one prediction for each protein, in input order.

    Parameters
    ----------
    proteins
        Path of a file that :func:`topo.io.read_proteins` reads, or proteins.
    model
        A loaded model, or what :func:`load_model` takes.
    decoder
        ``viterbi``, ``posterior`` or ``argmax``; see :meth:`topo.nn.tagger.Tagger.decode`.
    batch_residues
        Padded residues in a batch at the most; bounds memory. The answer for a protein does not
        depend on it, nor on the proteins beside it, but for float32 rounding.

    Yields
    ------
    Prediction
        With probabilities, type probabilities and confidence.
    """
    if decoder not in DECODERS:
        raise ConfigError(f"found decoder {decoder!r}, expected one of {', '.join(DECODERS)}")
    if isinstance(proteins, (str, PathLike)):
        proteins = read_proteins(proteins)
    if not isinstance(model, Checkpoint):
        model = load_model(model)
    stream = iter(proteins)
    while window := list(islice(stream, WINDOW)):
        yield from _predict_window(window, model, decoder, batch_residues)


def predict_split(
    run: Path | None, split: str, decoder: str = "viterbi"
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
    from topo.data.splits import SPLITS, load_splits

    if split not in SPLITS:
        raise ConfigError(f"found split {split!r}, expected one of {', '.join(SPLITS)}")
    found = Run(run) if run is not None else latest_run(Path("runs"))
    config = found.config()
    grammar = find_grammar(config.model.heads.grammar)
    truth = getattr(load_splits(config.data, config.training.seed, grammar), split).proteins
    if not truth:
        raise TopoError(f"{found.path}: its {split} split holds no proteins (data.{split})")
    return truth, list(predict(truth, found.path, decoder=decoder)), found.path


def _predict_window(
    proteins: Sequence[Protein], model: Checkpoint, decoder: str, batch_residues: int
) -> Iterator[Prediction]:
    """Predict the proteins of a window, longest first, and give them back in their order."""
    order = sorted(range(len(proteins)), key=lambda i: len(proteins[i]))
    lengths = torch.tensor([len(proteins[i]) for i in order]).numpy()
    answers: list[Prediction | None] = [None] * len(proteins)
    for bucket in reversed(length_buckets(lengths, len(proteins), batch_residues)):
        batch = [proteins[i] for i in order[bucket]]
        predictions = _predict_batch(batch, model.tagger, model.config.graph.window, decoder)
        for index, prediction in zip(order[bucket], predictions, strict=True):
            answers[index] = prediction
    yield from (answer for answer in answers if answer is not None)


@torch.inference_mode()
def _predict_batch(
    proteins: Sequence[Protein], tagger: Tagger, window: int, decoder: str
) -> list[Prediction]:
    device = next(tagger.parameters()).device
    graph = collate([residue_graph(protein, window) for protein in proteins])
    return tagger.predictions(proteins, tagger(graph.to(device)), decoder)
