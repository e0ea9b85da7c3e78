"""Compilation of all kernels, so that later processes load them from the cache."""

from __future__ import annotations

from pathlib import Path

import torch

from topo.caches.kernels import KERNELS, kernel_folder
from topo.crf.layer import GrammarCRF
from topo.grammar.legality import fill_determined, is_legal, only_topology, possible_types
from topo.inference.models import load_model
from topo.inference.stream import predict
from topo.labels import DECODERS, UNKNOWN, encode_labels
from topo.protein import Protein

_SEQUENCE = "MKTLLLTLVVVTIVCLDLGYTEEQPQTKSALLLVVLALLAGLLLVVTKSADEEQ"
_LABELS = "S" * 19 + "O" * 10 + "M" * 18 + "I" * 7


def compile_kernels() -> tuple[Path | None, int]:
    """Compile the kernels of prediction, evaluation and training with the bundled model.

    Returns
    -------
    folder, count
        Folder of the compiled code, None if no folder can be written, and number of kernels.
    """
    model = load_model()
    protein = Protein("example", _SEQUENCE, _LABELS)
    for decoder in DECODERS:
        list(predict([protein], model, decoder=decoder))
    list(predict([protein], model, alternatives=2))
    _compute_losses(model.tagger.crf)
    partly = _LABELS.replace("O", UNKNOWN)
    for labels in (_LABELS, partly):
        is_legal(labels)
        possible_types(labels)
        fill_determined(labels)
        only_topology(labels)
    folder = kernel_folder()
    return (folder.path if folder else None), len(KERNELS)


def _compute_losses(crf: GrammarCRF) -> None:
    """Compute losses and gradients for a whole and for a cut chain, and the best paths."""
    labels = torch.from_numpy(encode_labels(_LABELS))
    lengths = torch.tensor([len(labels)])
    emissions = torch.zeros(len(labels), len(crf.grammar.channels), requires_grad=True)
    for cut in (False, True):
        ends = torch.tensor([cut])
        crf(emissions, lengths, labels, open_start=ends, open_end=ends).sum().backward()
    soft = torch.full(emissions.shape, 1.0 / emissions.shape[1])
    crf.soft_loss(emissions, lengths, soft).sum().backward()
    list(crf.posterior(emissions, lengths).n_best(2))
