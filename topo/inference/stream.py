"""Prediction of a stream of proteins in batches, in the order of the input."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from hashlib import sha256
from os import PathLike
from typing import Any

import torch

from topo._version import __version__
from topo.checkpoint import Checkpoint
from topo.config import dump_config
from topo.inference.batches import Batch, Window, cut_window, read_windows
from topo.inference.compute import LONGEST, BatchPredictor, Settings
from topo.inference.constrained import Constraints, constrain, parse_constraints
from topo.inference.featured import KnownFeatures
from topo.inference.memory import default_batch_residues
from topo.inference.models import load_model
from topo.inference.relatives import ScoreBank, open_relatives
from topo.inference.store import PredictionStore
from topo.inference.workers import WorkerPool
from topo.io import read_inputs
from topo.labels import DECODERS
from topo.protein import Prediction, Protein, shared_fields


def predict(
    proteins: str | PathLike[str] | Iterable[Protein],
    model: Checkpoint | str | PathLike[str] | None = None,
    *,
    decoder: str = DECODERS[0],
    batch_residues: int | None = None,
    precision: str = "auto",
    longest: int = LONGEST,
    devices: Sequence[str] = (),
    constraints: str | PathLike[str] | Constraints | None = None,
    alternatives: int = 0,
    relatives: str | PathLike[str] | Iterable[Protein] | None = None,
    features: str | PathLike[str] | None = None,
    missing_features: str = "refuse",
) -> Iterator[Prediction]:
    """Predict the topology of each protein, in input order.

    Parameters
    ----------
    proteins
        Proteins, or path to an input of :func:`topo.io.read_inputs`.
    model
        Loaded model, or argument of :func:`topo.inference.models.load_model`.
    decoder
        Decoder: ``viterbi``, ``posterior`` or ``argmax``; see
        :meth:`topo.nn.decoding.TopologyModel.decode`.
    batch_residues
        Largest number of padded residues per batch, which limits memory. None derives it from the
        available memory, see :func:`topo.inference.memory.default_batch_residues`. It changes
        predictions only by rounding.
    precision
        Precision of the convolutions and the recurrence: ``32``, ``bf16``, or ``auto``, which is
        ``bf16`` if the processor has instructions for it. The encoder always computes in 32 bits
        and the decoder in 64 bits.
    longest
        Largest number of residues of a chain that is scored in one piece. Longer chains are scored
        in overlapping pieces and decoded as a whole. If pieces disagree, a warning names the chain.
    devices
        Devices of worker processes, for instance ``("cpu",) * 4``; each process loads the model
        from its folder. With fewer than two devices no process is started. The predictions are
        the same.
    constraints
        Constraints of proteins by id, each a text such as ``1-20:inside`` or ``N-term:in``
        (:func:`topo.constraints.parse_constraint`), or path to a file of them
        (:func:`topo.io.constraints.read_constraints`). The predictions are conditional on them.
    alternatives
        Number of topologies that are listed for each protein, at most 100.
    relatives
        Proteins among which similar ones support each prediction
        (:mod:`topo.inference.relatives`): a path, proteins, or ``self`` for the proteins
        themselves. Needs MMseqs2, and keeps the proteins in memory.
    features
        Path to an HDF5 file with the features of the proteins (:mod:`topo.io.features`), for a
        model that was trained with them; by default the ``features`` of each protein, if any.
    missing_features
        Treatment of proteins without features in the file: ``refuse`` or ``mask``.

    Yields
    ------
    Prediction
        Prediction with probabilities, type probabilities and confidence.

    Raises
    ------
    TopoError
        If an argument is invalid, or a process dies.
    """
    if isinstance(proteins, (str, PathLike)):
        proteins = read_inputs(proteins)
    if not isinstance(model, Checkpoint):
        model = load_model(model)
    if features is not None:
        known = KnownFeatures(features, missing_features)
        known.check(model)
        proteins = known.attach(proteins)
    device = _device(model, devices)
    settings = Settings.of(decoder, precision, longest, device, model, alternatives)
    if constraints is not None:
        grammar = model.tagger.crf.grammar
        proteins = constrain(proteins, grammar, parse_constraints(constraints))
    with ExitStack() as stack:
        bank = None
        if relatives is not None:
            proteins = list(proteins)
            opened = open_relatives(relatives, proteins, model, settings, batch_residues)
            found = stack.enter_context(opened)
            proteins, bank = found.attach(proteins), found.bank
        stream = PredictionStream(proteins, model, settings, batch_residues, devices, bank=bank)
        for _, prediction in stack.enter_context(closing(iter(stream))):
            yield prediction


class PredictionStream:
    """Iterable of proteins and their predictions, in input order.

    Parameters
    ----------
    proteins, batch_residues, devices
        As for :func:`predict`.
    model
        Loaded model.
    settings
        Settings of the predictions.
    store
        Store of predictions. Stored predictions are not computed again, and equal proteins are
        computed once per input; without a store, once per window.
    advance
        Function that receives numbers of finished residues.
    bank
        Scores of the relatives that the proteins name; None if they name none.
    pool
        Running worker processes, which other streams may share; then ``devices`` is not used.
    urgent
        Whether the batches come before those of other streams of the pool.

    Attributes
    ----------
    reused
        Number of predictions that the store held from an earlier run.
    """

    def __init__(
        self,
        proteins: Iterable[Protein],
        model: Checkpoint,
        settings: Settings,
        batch_residues: int | None = None,
        devices: Sequence[str] = (),
        store: PredictionStore | None = None,
        advance: Callable[[int], None] = lambda _: None,
        bank: ScoreBank | None = None,
        pool: WorkerPool | None = None,
        urgent: bool = False,
    ) -> None:
        self._bank = bank
        self._proteins, self._model, self._settings = proteins, model, settings
        budget = batch_residues or default_batch_residues(len(devices))
        self._budget = min(budget, settings.longest)
        self._devices, self._store, self._advance = devices, store, advance
        if store is not None:
            store.scheme = model.tagger.crf.grammar.scheme
        self._pool, self._urgent = pool, urgent
        self._pending: deque[Window] = deque()
        self.reused = 0

    def __iter__(self) -> Generator[tuple[Protein, Prediction], None, None]:
        if self._pool is not None:
            yield from self._run(self._pool.run(self._batches(), self._settings, self._urgent))
        elif len(self._devices) > 1:
            with WorkerPool(self._model.path, self._devices, bank=self._bank) as pool:
                yield from self._run(pool.run(self._batches(), self._settings))
        else:
            predictor = BatchPredictor(self._model, self._settings, self._bank)
            yield from self._run((b, predictor(b.proteins)) for b in self._batches())

    def finished(self, written: int) -> Iterator[tuple[Protein, Prediction]]:
        """Yield the predictions that an interrupt left computed but not yielded; with gaps.

        Parameters
        ----------
        written
            Number of pairs that the caller has received.
        """
        for window in self._pending:
            for index in range(max(written - window.first, 0), len(window.proteins)):
                if pair := self._pair(window, index):
                    yield pair

    def _run(
        self, computed: Iterator[tuple[Batch, list[Prediction]]]
    ) -> Iterator[tuple[Protein, Prediction]]:
        for batch, predictions in computed:
            window = batch.window
            for key, prediction in zip(batch.answers, predictions, strict=True):
                if self._store is not None:
                    self._store.add(key, prediction)
                window.computed[key] = prediction
            window.left -= 1
            self._advance(sum(map(len, batch.proteins)))
            yield from self._release()

    def _batches(self) -> Iterator[Batch]:
        """Yield the batches of each window that are not stored; an empty one if all are stored."""
        earlier: dict[bytes, bytes] = {}
        count = 0
        structure = self._model.config.graph.structure
        for proteins in read_windows(self._proteins):
            known = earlier if self._store is not None else {}
            window = cut_window(proteins, self._budget, structure, known, count)
            count += len(proteins)
            new = [batch for batch in window.batches if not self._is_stored(batch)]
            self.reused += sum(len(b.answers) for b in window.batches if self._is_stored(b))
            window.batches = new or [Batch([], [], window)]
            window.left = len(window.batches)
            residues = sum(map(len, proteins))
            self._advance(residues - sum(len(p) for b in new for p in b.proteins))
            self._pending.append(window)
            yield from window.batches

    def _is_stored(self, batch: Batch) -> bool:
        return self._store is not None and all(key in self._store for key in batch.answers)

    def _release(self) -> Iterator[tuple[Protein, Prediction]]:
        """Yield the predictions of the leading windows that are complete."""
        while self._pending and not self._pending[0].left:
            window = self._pending[0]
            for index in range(len(window.proteins)):
                pair = self._pair(window, index)
                assert pair is not None, "a complete window lacks an answer"
                yield pair
            self._pending.popleft()  # after the loop: an interrupt may lose the last pair
            # Batches and window form a reference cycle, which delays the release of their memory.
            window.batches.clear()
            window.computed.clear()

    def _pair(self, window: Window, index: int) -> tuple[Protein, Prediction] | None:
        protein, key = window.proteins[index], window.answers[index]
        if (found := window.computed.get(key)) is not None:
            return protein, replace(found, **shared_fields(protein))
        if self._store is not None and key in self._store:
            return protein, self._store.get(key, protein)
        return None


def _device(model: Checkpoint, devices: Sequence[str]) -> str:
    return devices[0] if devices else str(next(model.tagger.parameters()).device)


def describe(model: Checkpoint, settings: Settings, device: str) -> dict[str, Any]:
    """Return everything that predictions depend on beside the proteins.

    Two runs with equal descriptions can share stored predictions.
    """
    weights = sha256(dump_config(model.config).encode())
    for name, tensor in sorted(model.tagger.state_dict().items()):
        weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        weights.update(tensor.cpu().contiguous().numpy().tobytes())
    return {
        "topo": __version__,
        "torch": torch.__version__,
        "model": weights.hexdigest(),
        "device": torch.device(device).type,
        **asdict(settings),
    }
