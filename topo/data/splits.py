"""Division of a data set into the proteins for training, validation and test."""

from __future__ import annotations

import warnings
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from topo.config import Config, ExtraConfig, SamplingConfig
from topo.data.augmentation import hide_ends
from topo.data.features import attach_features
from topo.data.folds import SPLITS, FoldRoles, fold_roles
from topo.data.labelled_set import LabelledSet
from topo.data.types import type_sets
from topo.errors import ConfigError, InputWarning
from topo.io import read_labelled
from topo.io.files import checksum
from topo.io.grammar import find_grammar
from topo.io.similar_folds import read_similar_folds, read_similar_ids
from topo.io.structure import StructureFolder
from topo.labels import UNKNOWN
from topo.protein import Protein
from topo.resources import bundled

__all__ = ["SPLITS", "Splits", "hold_out", "stratified"]


@dataclass(frozen=True)
class Splits:
    """Proteins for training, validation and test.

    Parameters
    ----------
    train, validation, test
        Proteins of each split.
    checksums
        SHA-256 of each file that was read, by path; None of what can be read only once.
    left_out
        Number of proteins that were left out of training, by reason.
    folds
        Names of the folds of each split. Without a validation fold, a share of the training
        proteins validates.
    """

    train: LabelledSet
    validation: LabelledSet
    test: LabelledSet
    checksums: dict[str, str | None]
    left_out: dict[str, int] = field(default_factory=dict)
    folds: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> Splits:
        """Read the files of a configuration and divide their proteins.

        :func:`topo.data.folds.fold_roles` assigns the folds. Where no fold validates, a share of
        the training proteins of the main file does, drawn by type from ``training.seed``.
        A protein without a legal path in the model's grammar is named in a warning, counted and
        left out of training; validation and test keep it.

        Raises
        ------
        InputError
            If a file cannot be read.
        ConfigError
            If a fold does not exist, or no protein with labels is left to train or to validate on.
        """
        return _Division(config).splits()

    def summary(self) -> str:
        """Return numbers of proteins and folds of each split, in one line."""
        parts = []
        for split in SPLITS:
            where = ", ".join(self.folds.get(split, []))
            if split == "validation" and not where:
                where = "a share of the training proteins"
            count = len(getattr(self, split))
            parts.append(f"{split} {count:,}" + (f" ({where})" if where and count else ""))
        return "proteins: " + "; ".join(parts)

    def draws_line(self, sampling: SamplingConfig) -> str:
        """Return the number of proteins drawn per epoch and the field that sets it, in one line."""
        count = sampling.draws(len(self.train))
        field_name = "samples" if sampling.samples else "minimum"
        origin = f" (sampling.{field_name})" if count != len(self.train) else ""
        return f"each epoch draws {count:,} training proteins{origin}"


class _Division:
    """The steps of :meth:`Splits.of`, which record checksums and what they leave out."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.data, self.seed = config.data, config.training.seed
        self.grammar = find_grammar(config.model.heads.grammar)
        self.path = Path(self.data.path or bundled("example") / "example.partitions.json")
        self.structures = StructureFolder(self.data.structures) if self.data.structures else None
        self.evaluated: set[str] = set()
        self.checksums: dict[str, str | None] = {}
        self.left_out: dict[str, int] = {}

    def splits(self) -> Splits:
        proteins = self._read(self.path)
        folds = [protein.fold for protein in proteins]
        roles = fold_roles(folds, self.data, self.path)
        names = roles.names()
        self.evaluated = {*names["validation"], *names["test"]}
        main = self._labelled(proteins, complete=self.data.complete)
        parts = _parts(roles, folds)
        parts["train"] = self._without_similar(proteins, parts["train"])
        if not roles.validation:
            parts["train"], parts["validation"] = hold_out(
                parts["train"], main.kinds(), self.data.holdout, self.seed
            )
        train = self._only_legal(main.take(parts["train"]), self.path)
        judged = {proteins[i].id for i in (*parts["validation"], *parts["test"])}
        for extra in self.data.extra:
            train = train.join(self._extra_set(extra, judged))
        if self.data.size:
            train = train.take(stratified(train.kinds(), self.data.size, self.seed))
        validation, test = main.take(parts["validation"]), main.take(parts["test"])
        self._check_labels(train, validation)
        self._warn_of_equal_sequences(train, validation, test)
        return Splits(train, validation, test, self.checksums, self.left_out, names)

    def _read(self, path: str | Path) -> list[Protein]:
        proteins = read_labelled(path, self.grammar.scheme)
        with_structure = self.structures.attach(proteins) if self.structures else proteins
        found = attach_features(self.config, with_structure)
        self.checksums[str(path)] = checksum(path)
        return found

    def _check_labels(self, train: LabelledSet, validation: LabelledSet) -> None:
        if not len(train) or not len(validation):
            raise ConfigError(f"{self.path}: no protein is left to train on and validate on")
        for name, part in (("training", train), ("validation", validation)):
            if not any(set(protein.labels or "") - {UNKNOWN} for protein in part.proteins):
                raise ConfigError(
                    f"{self.path}: no residue of the {len(part)} {name} proteins has a label; "
                    f"all of them are unknown ({UNKNOWN})"
                )

    def _warn_of_equal_sequences(
        self, train: LabelledSet, validation: LabelledSet, test: LabelledSet
    ) -> None:
        """Warn of evaluated proteins whose sequence is that of a training protein."""
        learnt = {protein.sequence for protein in train.proteins}
        found = []
        for name, part in (("validation", validation), ("test", test)):
            if count := sum(protein.sequence in learnt for protein in part.proteins):
                found.append(f"{count} of {len(part)} {name} proteins")
        if found:
            warnings.warn(
                f"{self.path}: {' and '.join(found)} have the sequence of a training protein; "
                "their scores are too good",
                InputWarning,
                stacklevel=2,
            )

    def _labelled(
        self, proteins: list[Protein], weight: float = 1.0, complete: str = ""
    ) -> LabelledSet:
        scheme = self.grammar.scheme
        if other := sorted({*complete} - {*scheme.letters}):
            raise ConfigError(
                f"complete: found {other[0]!r}, expected some of {' '.join(scheme.letters)}"
            )
        return LabelledSet(
            proteins,
            type_sets(proteins, self.grammar),
            np.full(len(proteins), weight),
            scheme=scheme,
            complete=(complete,) * len(proteins) if complete else (),
        )

    def _extra_set(self, extra: ExtraConfig, judged: Container[str | None]) -> LabelledSet:
        proteins = self._read(extra.path)
        if extra.exclude_similar:
            proteins = self._apart(proteins, extra.path, extra.exclude_similar, judged)
        if extra.blur:
            proteins = [hide_ends(protein, extra.blur, self.grammar.scheme) for protein in proteins]
        found = self._only_legal(self._labelled(proteins, extra.weight, extra.complete), extra.path)
        if extra.epochs is None:
            return found
        return replace(found, epochs=np.tile(np.array(extra.epochs) - 1, (len(found), 1)))

    def _apart(
        self, proteins: list[Protein], path: str, table: str, judged: Container[str | None]
    ) -> list[Protein]:
        """Leave out the proteins whose row names an evaluated fold or an evaluated source."""
        rows = read_similar_folds(table, path, len(proteins))
        self.checksums[table] = checksum(table)
        apart = [not row.folds & self.evaluated for row in rows]
        # Labels that were transferred from a protein reveal those of that protein.
        own = [row.source not in judged for row in rows]
        self.left_out[f"{path}: similar to evaluated folds"] = apart.count(False)
        if held := sum(a and not b for a, b in zip(apart, own, strict=True)):
            self.left_out[f"{path}: labels of evaluated proteins"] = held
        kept = zip(proteins, apart, own, strict=True)
        return [protein for protein, a, b in kept if a and b]

    def _without_similar(self, proteins: Sequence[Protein], indices: np.ndarray) -> np.ndarray:
        """Leave out what the index of the structures or the table of the set calls similar."""
        listed = self._listed(proteins)
        similar = [{*p.similar_folds, *listed.get(p.id, ())} for p in proteins]
        kept = np.array([self.evaluated.isdisjoint(similar[i]) for i in indices], dtype=bool)
        if not kept.all():
            self.left_out[f"{self.path}: similar to evaluated folds"] = int((~kept).sum())
        return indices[kept]

    def _listed(self, proteins: Sequence[Protein]) -> dict[str, set[str]]:
        """Read the folds that the proteins of the main set are similar to, by id."""
        table = self.data.exclude_similar
        if table is None:
            return {}
        listed = read_similar_ids(table)
        self.checksums[table] = checksum(table)
        if unknown := sorted(listed.keys() - {protein.id for protein in proteins}):
            names = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            raise ConfigError(
                f"{table}: found {len(unknown)} ids that {self.path} lacks: {names}; "
                "expected ids of its proteins"
            )
        return listed

    def _only_legal(self, labelled: LabelledSet, path: str | Path) -> LabelledSet:
        legal = labelled.types.any(1)
        if not legal.all():
            bad = [labelled.proteins[i].id for i in np.flatnonzero(~legal)]
            names = ", ".join(bad[:5]) + (", ..." if len(bad) > 5 else "")
            warnings.warn(
                f"{path}: {len(bad)} proteins have no path in the grammar, left out: {names}",
                InputWarning,
                stacklevel=2,
            )
            self.left_out[f"{path}: no legal path"] = len(bad)
        return labelled.take(np.flatnonzero(legal))


def _parts(roles: FoldRoles, folds: Sequence[str | None]) -> dict[str, np.ndarray]:
    """Return the indices of the proteins of each split."""
    places = roles.indices(folds)
    return {name: np.flatnonzero(places == i) for i, name in enumerate(SPLITS)}


def hold_out(
    indices: np.ndarray, types: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices at random into a kept and a held-out part, type by type.

    Parameters
    ----------
    indices
        Indices into ``types``, int, shape (N,).
    types
        Type index of every protein, int.
    share
        Share of each type that is held out, rounded; at least one protein of a type of two or more.
    seed
        Seed of the draw.

    Returns
    -------
    kept : numpy.ndarray
        Indices that are kept, in their order.
    held : numpy.ndarray
        Indices that are held out, in their order.
    """
    random = np.random.default_rng(seed)
    held: list[int] = []
    for kind in np.unique(types[indices]):
        members = random.permutation(indices[types[indices] == kind])
        count = max(round(share * len(members)), 1 if len(members) > 1 else 0)
        held += members[:count].tolist()
    mask = np.isin(indices, held)
    return indices[~mask], indices[mask]


def stratified(types: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Draw ``size`` indices with the types in proportion (largest remainders), ascending."""
    if size >= len(types):
        return np.arange(len(types))
    random = np.random.default_rng(seed)
    counts = np.bincount(types)
    quota = counts * size / len(types)
    take = np.floor(quota).astype(int)
    take[np.argsort(take - quota)[: size - take.sum()]] += 1
    chosen = [
        random.permutation(np.flatnonzero(types == kind))[:count] for kind, count in enumerate(take)
    ]
    return np.sort(np.concatenate(chosen))
