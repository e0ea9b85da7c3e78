"""Prediction of the variants of a protein."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike

import torch

from topo.checkpoint import Checkpoint
from topo.inference.compute import BatchPredictor, Settings
from topo.inference.models import load_model
from topo.labels import DECODERS, encode_labels
from topo.protein import Prediction, Protein
from topo.variants.changes import Variant, substitutions
from topo.variants.effects import Comparison, Effect

PRECISION = "32"
"""Precision of all predictions of a scan; bfloat16 would round differences of a few thousandths."""

BATCH_RESIDUES = 12_800
"""Largest number of padded residues per batch, which need about 300 MB."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Variants of a protein and their effects.

    Parameters
    ----------
    reference
        Prediction of the protein.
    effects
        Effects of the variants, the largest score first; equal scores keep their order.
    """

    reference: Prediction
    effects: Sequence[Effect]


def scan(
    protein: Protein | str,
    model: Checkpoint | str | PathLike[str] | None = None,
    variants: Iterable[Variant] | None = None,
    *,
    decoder: str = DECODERS[0],
    advance: Callable[[int], None] = lambda _: None,
) -> Scan:
    """Predict variants of a protein and rank them by their effects.

    Parameters
    ----------
    protein
        Protein, or its sequence. Labels and structure are not used.
    model
        Loaded model, or argument of :func:`topo.inference.models.load_model`.
    variants
        Variants; all substitutions by standard residues if None.
    decoder
        As for :func:`topo.inference.predict`.
    advance
        Function that receives numbers of finished residues.

    Raises
    ------
    TopoError
        If an argument is invalid.
    """
    if isinstance(protein, str):
        protein = Protein("sequence", protein.upper())
    protein = Protein(protein.id, protein.sequence, metadata=protein.metadata)
    if not isinstance(model, Checkpoint):
        model = load_model(model)
    device = str(next(model.tagger.parameters()).device)
    settings = Settings.of(decoder, PRECISION, len(protein.sequence) + 1_000_000, device, model)
    predictor = BatchPredictor(model, settings)
    scores = predictor.scores([protein])
    reference = model.tagger.predictions([protein], scores, decoder)[0]
    found = list(substitutions(protein) if variants is None else variants)
    comparison = Comparison(reference)
    effects: list[tuple[int, Effect]] = []
    for batch in _batches(found):
        members = [found[index] for index in batch]
        chains = [replace(protein, sequence=member.sequence) for member in members]
        results = _predict(predictor, chains, members, reference)
        for index, (prediction, kept) in zip(batch, results, strict=True):
            effects.append((index, comparison.effect(found[index], prediction, kept)))
        advance(sum(map(len, chains)))
    effects.sort(key=lambda item: (-item[1].score, item[0]))
    return Scan(reference, [effect for _, effect in effects])


def _batches(variants: Sequence[Variant]) -> Iterator[list[int]]:
    """Yield the indices of variants of similar lengths, the longest first."""
    order = sorted(range(len(variants)), key=lambda index: -len(variants[index].sequence))
    batch: list[int] = []
    for index in order:
        longest = len(variants[batch[0]].sequence) if batch else 0
        if batch and (len(batch) + 1) * longest > BATCH_RESIDUES:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _predict(
    predictor: BatchPredictor,
    chains: Sequence[Protein],
    variants: Sequence[Variant],
    reference: Prediction,
) -> Iterator[tuple[Prediction, float]]:
    """Yield each prediction with the probability of the reference's order of segments."""
    tagger = predictor.tagger
    scores = predictor.scores(chains)
    decoded = tagger.decode(scores, predictor.settings.decoder)
    labels = [encode_labels(_carried(reference, variant)) for variant in variants]
    kept = decoded.posterior.confidence(torch.cat([torch.from_numpy(part) for part in labels]))
    yield from zip(
        tagger.as_predictions(chains, scores, decoded), map(float, kept.float()), strict=True
    )


def _carried(reference: Prediction, variant: Variant) -> str:
    """Return labels of the variant's length that have the order of segments of the reference.

    A truncation keeps the labels of its residues, and a tag has the label of the first residue.
    """
    size, shift = len(variant.sequence), variant.shift
    labels = reference.labels
    if shift < 0:
        labels = labels[-shift:]
    elif shift > 0:
        labels = labels[0] * shift + labels
    return labels[:size]
