"""Folds and further sets of a cross-validation, with a validation set that is similar to nothing.

    python checkpoints/training/prepare_folds.py DATA OUT RECIPE.yaml ...

DATA holds topology/ and more/ as the model cards name them. OUT gets

- ``folds.json``: the labelled folds, a tenth of each, by type, as a fold ``NAME-held`` that nothing
  outside is similar to. ``similar_folds`` of a protein names the other folds that hold a similar
  one; ``folds_similar_folds.tsv`` has the same by id, for ``data.exclude_similar``.
- ``NAME.3line`` and ``NAME_similar_folds.tsv`` of each set in ``data.extra`` of the recipes: a link
  to the set in OUT/sets, DATA/topology or DATA/more, and its table of similar folds, to which the
  folds ``*-held`` are added.

A run that tests on cv4 and cv4-held and validates on the held part of the other folds so trains on
nothing similar to either. What exists is kept. Needs MMseqs2.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from pathlib import Path

import numpy as np

from topo.config import load_config
from topo.data.types import sampling_types, type_sets
from topo.errors import ConfigError
from topo.homology.search import Similarity, find_similar, groups
from topo.io import read_labelled, write_partitions
from topo.io.files import atomic_text
from topo.io.grammar import find_grammar
from topo.io.similar_folds import NO_FOLD, read_similar_folds
from topo.labels import TYPES
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein

HELD = "-held"
"""Suffix of a fold's held-out part."""


def main() -> None:
    """Write what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("recipes", type=Path, nargs="+")
    parser.add_argument("--share", type=float, default=0.1, help="share of a type held out")
    parser.add_argument("--grammar", help="grammar file whose labels the sets may have")
    options = parser.parse_args()
    scheme = find_grammar(options.grammar).scheme
    folds = options.out / "folds.json"
    options.out.mkdir(parents=True, exist_ok=True)
    if not folds.is_file():
        labelled = list(read_labelled(options.data / "topology/deeptmhmm.partitions.json"))
        parted = hold_out(labelled, options.share)
        write_partitions(sorted(parted, key=fold_name), folds)
    parted = list(read_labelled(folds))
    similar = {protein.id: set(listed(protein)) for protein in parted}
    write_table(options.out / "folds_similar_folds.tsv", [p.id for p in parted], similar.values())
    for name in set_names(options.recipes):
        if not (options.out / f"{name}_similar_folds.tsv").is_file():
            prepare_set(find_set(options.data, options.out, name), parted, options.out, scheme)


def hold_out(proteins: Sequence[Protein], share: float, seed: int = 0) -> list[Protein]:
    """Rename the fold of a share of the proteins of each fold and type to ``NAME-held``.

    Groups of similar proteins are taken whole, in random order, as long as none of their types
    exceeds its share; groups with proteins of several folds are not taken.
    """
    hits = find_similar(proteins, proteins, Similarity())
    types = sampling_types(type_sets(proteins))
    joined, folds = groups(len(proteins), hits), np.array([fold_name(p) for p in proteins])
    held = np.zeros(len(proteins), dtype=bool)
    random = np.random.default_rng(seed)
    for fold in np.unique(folds):
        inside = folds == fold
        room = np.maximum(np.round(share * np.bincount(types[inside], minlength=5)), 1)
        for group in random.permutation(np.unique(joined[inside])):
            members = joined == group
            counts = np.bincount(types[members], minlength=5)
            if inside[members].all() and (counts <= room).all():
                room -= counts
                held |= members
    for kind, name in enumerate(TYPES):
        print(f"{name}: {(held & (types == kind)).sum()} of {(types == kind).sum()} held out")
    names = [f"{fold}{HELD}" if chosen else fold for fold, chosen in zip(folds, held, strict=True)]
    similar: list[set[str]] = [set() for _ in proteins]
    for one, other in ((hit.query, hit.target) for hit in hits):
        if names[one] != names[other]:
            similar[one].add(names[other])
            similar[other].add(names[one])
    print(f"{sum(map(bool, similar))} proteins similar to one of another fold")
    return [
        replace(
            protein,
            fold=name,
            metadata={**protein.metadata, "similar_folds": ",".join(sorted(others))},
        )
        for protein, name, others in zip(proteins, names, similar, strict=True)
    ]


def set_names(recipes: Iterable[Path]) -> list[str]:
    """Return the names of the further sets of some recipes, each once."""
    paths = [Path(extra.path) for recipe in recipes for extra in load_config(recipe).data.extra]
    return list(dict.fromkeys(path.stem for path in paths))


def find_set(data: Path, out: Path, name: str) -> Path:
    """Return the file of a set.

    Raises
    ------
    ConfigError
        If there is none.
    """
    folders = (out / "sets", data / "topology", data / "more")
    places = [folder / f"{name}.3line" for folder in folders]
    for place in places:
        if place.is_file():
            return place.resolve()
    raise ConfigError(f"found no set {name}, expected one of {', '.join(map(str, places))}")


def prepare_set(
    path: Path, parted: Sequence[Protein], out: Path, scheme: LabelScheme = SIX
) -> None:
    """Link a set and write its table of similar folds.

    Added are the held-out parts that a protein is similar to and, where its labels come from a
    protein of the folds (column ``source``), the folds that this one is similar to.
    """
    held = [protein for protein in parted if fold_name(protein).endswith(HELD)]
    similar = {protein.id: listed(protein) for protein in parted}
    proteins = list(read_labelled(path, scheme))
    table = path.with_name(f"{path.stem}_similar_folds.tsv")
    rows = read_similar_folds(table, path, len(proteins))
    found = [row.folds | {*similar.get(row.source or "", ())} for row in rows]
    for hit in find_similar(held, proteins, Similarity()):
        found[hit.target].add(fold_name(held[hit.query]))
    link = out / path.name
    if not link.exists():
        link.symlink_to(path)
    sources = [row.source for row in rows] if any(row.source for row in rows) else None
    write_table(out / table.name, [protein.id for protein in proteins], found, sources)
    near = sum(any(fold.endswith(HELD) for fold in folds) for folds in found)
    print(f"{path.stem}: {near} of {len(rows)} similar to a held-out protein", flush=True)


def write_table(
    path: Path,
    ids: Sequence[str],
    similar: Iterable[Set[str]],
    sources: Sequence[str | None] | None = None,
) -> None:
    """Write the folds that each protein is similar to, and where its labels come from."""
    with atomic_text(path) as file:
        file.write("id\tsource\tsimilar_folds\n" if sources else "id\tsimilar_folds\n")
        for i, (name, folds) in enumerate(zip(ids, similar, strict=True)):
            source = [sources[i] or NO_FOLD] if sources else []
            file.write("\t".join((name, *source, ",".join(sorted(folds)) or NO_FOLD)) + "\n")


def fold_name(protein: Protein) -> str:
    """Return the fold of a protein of a partitioned set."""
    return str(protein.fold)


def listed(protein: Protein) -> list[str]:
    """Return the folds that folds.json names as similar to a protein."""
    return [fold for fold in str(protein.metadata["similar_folds"]).split(",") if fold]


if __name__ == "__main__":
    main()
