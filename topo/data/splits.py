"""From files and folds to the proteins that train, validate and test."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from topo.config import DataConfig, ExtraConfig
from topo.data.augmentation import hide_ends
from topo.data.dataset import sampling_types, type_sets
from topo.errors import ConfigError, InputError, InputWarning
from topo.grammar import Grammar
from topo.io import read_labelled
from topo.io.files import sha256
from topo.io.structure import StructureFolder
from topo.protein import Protein
from topo.resources import bundled

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class LabelledSet:
    """Proteins with their possible types and sampling weights, N of each."""

    proteins: list[Protein]
    types: np.ndarray  # (N, 5) bool
    weights: np.ndarray  # (N,) float64, relative weight of the file a protein came from

    def __len__(self) -> int:
        return len(self.proteins)

    def take(self, indices: Sequence[int] | np.ndarray) -> LabelledSet:
        """Return the proteins at these indices, in their order."""
        return LabelledSet(
            [self.proteins[i] for i in indices], self.types[indices], self.weights[indices]
        )


@dataclass(frozen=True)
class Splits:
    """What a run trains, validates and tests on, and what was left out."""

    train: LabelledSet
    validation: LabelledSet
    test: LabelledSet
    checksums: dict[str, str]
    left_out: dict[str, int] = field(default_factory=dict)


def load_splits(config: DataConfig, seed: int, grammar: Grammar | None = None) -> Splits:
    """Read the files of a configuration and divide their proteins.

    Folds named nowhere train where ``config.train`` is empty. Where no fold validates, a share of
    the training proteins of the main file does, drawn by type from ``seed``. A protein without a
    legal path in the grammar is named in a warning, counted and left out of training; validation
    and test keep it. ``grammar`` is the default one where None.

    Raises
    ------
    InputError
        On a file that cannot be read.
    ConfigError
        On a fold that does not exist, or a split that has no protein.
    """
    path = Path(config.path) if config.path else bundled("example") / "example.partitions.json"
    folder = StructureFolder(config.structures) if config.structures else None
    proteins = _with_structures(read_labelled(path), folder)
    checksums = {str(path): sha256(path)}
    folds = [protein.metadata.get("partition") for protein in proteins]
    roles = _roles(folds, config, path)
    main = _labelled(proteins, grammar)
    parts = {name: np.flatnonzero(roles == i) for i, name in enumerate(SPLITS)}
    left_out: dict[str, int] = {}
    evaluated = [*config.validation, *config.test]
    parts["train"] = _without_similar(proteins, parts["train"], evaluated, path, left_out)
    if not config.validation:
        parts["train"], parts["validation"] = hold_out(
            parts["train"], sampling_types(main.types), config.holdout, seed
        )
    train = _only_legal(main.take(parts["train"]), path, left_out)
    judged = {proteins[i].id for i in (*parts["validation"], *parts["test"])}
    for extra in config.extra:
        further = _load_extra(extra, evaluated, judged, grammar, checksums, left_out, folder)
        train = _join(train, further)
    if config.size:
        train = train.take(_stratified(sampling_types(train.types), config.size, seed))
    if not len(train) or not len(parts["validation"]):
        raise ConfigError(f"{path}: no protein is left to train on and validate on")
    return Splits(
        train, main.take(parts["validation"]), main.take(parts["test"]), checksums, left_out
    )


def hold_out(
    indices: np.ndarray, types: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into a kept and a held-out part, type by type.

    Parameters
    ----------
    indices
        Into ``types``, int, shape (N,).
    types
        Type index of every protein, int.
    share
        Share of each type that is held out, rounded, but at least one of a type of two or more.
    """
    random = np.random.default_rng(seed)
    held: list[int] = []
    for kind in np.unique(types[indices]):
        members = random.permutation(indices[types[indices] == kind])
        count = max(round(share * len(members)), 1 if len(members) > 1 else 0)
        held += members[:count].tolist()
    mask = np.isin(indices, held)
    return indices[~mask], indices[mask]


def read_similar_folds(path: str | Path) -> list[set[str]]:
    """Read a ``_similar_folds.tsv``: for each record of its file, the folds it is similar to."""
    return [_folds(row) for row in _similar_rows(path, ("similar_folds",))]


def check_rows(table: str | Path, rows: int, file: str | Path, records: int) -> None:
    """Complain unless a table has a row for each record of a file.

    Raises
    ------
    InputError
        If the numbers differ.
    """
    if rows != records:
        raise InputError(
            table, f"found {rows} rows, expected one for each of the {records} records of {file}"
        )


def read_similar_ids(path: str | Path) -> dict[str, set[str]]:
    """Read a table of ids and the folds each is similar to; other ids are similar to none.

    Raises
    ------
    InputError
        If the file cannot be read or lacks the column ``id`` or ``similar_folds``.
    """
    found: dict[str, set[str]] = {}
    for row in _similar_rows(path, ("id", "similar_folds")):
        found.setdefault(row["id"], set()).update(_folds(row))
    return found


def ids_similar_to(
    folds: Collection[str], similar: Mapping[str, Set[str]], table: str | Path
) -> set[str]:
    """Return the ids that a table calls similar to one of some folds; without folds, to any.

    Parameters
    ----------
    folds
        Names that the table must know.
    similar
        What :func:`read_similar_ids` read of it.
    table
        Its name, for the message.

    Raises
    ------
    ConfigError
        If the table does not know a fold.
    """
    known = set().union(*similar.values())
    if unknown := set(folds) - known:
        raise ConfigError(
            f"{table}: unknown fold {sorted(unknown)[0]}, "
            f"the table has {', '.join(sorted(known)) or 'no folds'}"
        )
    wanted = set(folds) or known
    return {name for name, theirs in similar.items() if theirs & wanted}


def _similar_rows(path: str | Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            for column in columns:
                if column not in (reader.fieldnames or ()):
                    raise InputError(path, f"expected a column {column}", line=1)
            yield from reader
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(path, "expected a table of tab-separated text") from None


def _folds(row: Mapping[str, str]) -> set[str]:
    return set((row["similar_folds"] or "-").split(",")) - {"-"}


def _roles(folds: Sequence[str | None], config: DataConfig, path: Path) -> np.ndarray:
    """Give each protein the index of its split in :data:`SPLITS`, or -1 for none."""
    known = {fold for fold in folds if fold is not None}
    named = {name: set(getattr(config, name)) for name in SPLITS}
    for wanted in named.values():
        if unknown := wanted - known:
            found = ", ".join(sorted(known)) or "no folds"
            raise ConfigError(f"{path}: unknown fold {sorted(unknown)[0]}, the file has {found}")
    if config.path is None and not any(named.values()):
        # The bundled set carries folds called train, validation and test.
        named = {name: {name} for name in SPLITS}
    named["train"] = named["train"] or known - named["validation"] - named["test"] | {None}
    return np.array(
        [next((i for i, n in enumerate(SPLITS) if fold in named[n]), -1) for fold in folds]
    )


def _with_structures(proteins: Iterable[Protein], folder: StructureFolder | None) -> list[Protein]:
    return list(proteins if folder is None else folder.attach(proteins))


def _without_similar(
    proteins: Sequence[Protein],
    indices: np.ndarray,
    evaluated: Sequence[str],
    path: str | Path,
    left_out: dict[str, int],
) -> np.ndarray:
    """Leave out what the index of the structures calls similar to an evaluated fold."""
    similar = [set(proteins[i].metadata.get("similar_folds", "").split(",")) for i in indices]
    kept = np.array([not folds & {*evaluated} for folds in similar], dtype=bool)
    if not kept.all():
        left_out[f"{path}: similar to evaluated folds"] = int((~kept).sum())
    return indices[kept]


def _labelled(proteins: list[Protein], grammar: Grammar | None, weight: float = 1.0) -> LabelledSet:
    return LabelledSet(proteins, type_sets(proteins, grammar), np.full(len(proteins), weight))


def _only_legal(labelled: LabelledSet, path: str | Path, left_out: dict[str, int]) -> LabelledSet:
    legal = labelled.types.any(1)
    if not legal.all():
        bad = [labelled.proteins[i].id for i in np.flatnonzero(~legal)]
        names = ", ".join(bad[:5]) + (", ..." if len(bad) > 5 else "")
        warnings.warn(
            f"{path}: {len(bad)} proteins have no path in the grammar, left out: {names}",
            InputWarning,
            stacklevel=2,
        )
        left_out[f"{path}: no legal path"] = len(bad)
    return labelled.take(np.flatnonzero(legal))


def _load_extra(
    extra: ExtraConfig,
    evaluated: Iterable[str],
    judged: Container[str],
    grammar: Grammar | None,
    checksums: dict[str, str],
    left_out: dict[str, int],
    folder: StructureFolder | None,
) -> LabelledSet:
    proteins = _with_structures(read_labelled(extra.path), folder)
    checksums[extra.path] = sha256(extra.path)
    if extra.exclude_similar:
        rows = list(_similar_rows(extra.exclude_similar, ("similar_folds",)))
        checksums[extra.exclude_similar] = sha256(extra.exclude_similar)
        check_rows(extra.exclude_similar, len(rows), extra.path, len(proteins))
        apart = [not _folds(row) & {*evaluated} for row in rows]
        # Labels that were transferred from a protein would give those of that protein away.
        own = [row.get("source") not in judged for row in rows]
        left_out[f"{extra.path}: similar to evaluated folds"] = apart.count(False)
        if held := sum(a and not b for a, b in zip(apart, own, strict=True)):
            left_out[f"{extra.path}: labels of evaluated proteins"] = held
        kept = zip(proteins, apart, own, strict=True)
        proteins = [protein for protein, a, b in kept if a and b]
    if extra.blur:
        proteins = [hide_ends(protein, extra.blur) for protein in proteins]
    return _only_legal(_labelled(proteins, grammar, extra.weight), extra.path, left_out)


def _join(first: LabelledSet, second: LabelledSet) -> LabelledSet:
    """Append the proteins of the second set whose sequence the first does not have."""
    seen = {protein.sequence for protein in first.proteins}
    new = second.take([i for i, p in enumerate(second.proteins) if p.sequence not in seen])
    return LabelledSet(
        first.proteins + new.proteins,
        np.concatenate([first.types, new.types]),
        np.concatenate([first.weights, new.weights]),
    )


def _stratified(types: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Draw ``size`` indices, the types in proportion (largest remainders)."""
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
