"""Sets of proteins whose re-entrant segments UniProt states, with folds by homology.

    python checkpoints/training/prepare_reentrant.py DATA OUT

DATA holds topology/ and more/ as the model cards name them; OUT/sets holds the relatives that
cross-validate.sh makes. OUT gets

- ``sets/uniprot_reentrant.3line``: the proteins of ``uniprot_channels`` and ``uniprot_curated``
  for which ``uniprot_features.tsv`` has INTRAMEM, with ``R`` there.
- ``sets/uniprot_others.3line``: the other proteins of the two sets. Those that are similar to one
  with INTRAMEM are left out: UniProt may only lack it there.
- ``sets/reentrant_relatives.3line``: proteins of ``uniprot_silver``, ``folds_relatives`` and
  ``tmbed_relatives`` with the labels of those with INTRAMEM that they align with.
- ``reentrant.json``: the proteins with INTRAMEM by the fold whose model evaluates them.

Proteins with INTRAMEM that are similar (30 % identity over half of the shorter one, directly or by
others) share a fold: the one that most of them are similar to, or else the one with the fewest
segments so far. The tables ``*_similar_folds.tsv`` have this fold for them, their relatives and
what is similar to them, so that its model learns from none of these. What exists is kept. Needs
MMseqs2.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from topo.curation.transfer import transfer_labels
from topo.grammar.legality import possible_types
from topo.homology.search import Similarity, find_similar, groups
from topo.io import read_labelled, write_partitions
from topo.io.grammar import load_grammar
from topo.io.similar_folds import (
    LabelledRow,
    read_similar_folds,
    write_extra_set,
)
from topo.labels import SIDES, UNKNOWN
from topo.protein import Protein
from topo.segments import to_segments

GRAMMAR = Path(__file__).parents[2] / "configs/labels/extended.yaml"
SETS = ("uniprot_channels", "uniprot_curated")
FOLDS = ("cv0", "cv1", "cv3", "cv4")
LETTER, FEATURE = "R", "INTRAMEM"


def main() -> None:
    """Write what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    data, sets = options.data, options.out / "sets"
    if (options.out / "reentrant.json").is_file():  # written last
        return
    sets.mkdir(parents=True, exist_ok=True)
    proteins, known = read_sets(data)
    spans = read_features(data / "more/uniprot_features.tsv")
    labelled = [with_segments(p, spans[p.id]) if p.id in spans else p for p in proteins]
    chosen = [i for i, protein in enumerate(labelled) if protein.id in spans]
    held = [labelled[i] for i in chosen]
    own = assign_folds(held, [known[i] for i in chosen])
    near = {hit.target for hit in find_similar(held, labelled, Similarity())} - {*chosen}
    folds = dict(enumerate(known))
    folds.update({i: known[i] | {fold} for i, fold in zip(chosen, own, strict=True)})
    grammar = load_grammar(GRAMMAR)
    legal = [bool(possible_types(protein.labels or "", grammar)) for protein in labelled]
    parts = {"uniprot_reentrant": {*chosen}, "uniprot_others": {*range(len(labelled))} - {*chosen}}
    for name, members in parts.items():
        kept = [i for i in sorted(members - near) if legal[i]]
        rows = [LabelledRow(labelled[i], (), folds[i]) for i in kept]
        write_extra_set(sets / f"{name}.3line", (), rows, {}, grammar.scheme)
        lost = len(members) - len(members & near) - len(kept)
        print(
            f"{name}: {len(kept)} proteins; left out: {len(members & near)} similar to one with "
            f"{FEATURE}, {lost} without a path",
            flush=True,
        )
    places = [data / "topology/uniprot_silver.3line"]
    places += [sets / "folds_relatives.3line", sets / "tmbed_relatives.3line"]
    output = sets / "reentrant_relatives.3line"
    write_relatives(places, output, held, own, [folds[i] for i in chosen])
    evaluated = [replace(p, fold=fold) for p, fold in zip(held, own, strict=True)]
    write_partitions(sorted(evaluated, key=lambda p: str(p.fold)), options.out / "reentrant.json")


def read_sets(data: Path) -> tuple[list[Protein], list[set[str]]]:
    """Return the proteins of the UniProt sets, and the folds that each is similar to."""
    proteins: list[Protein] = []
    folds: list[set[str]] = []
    for name in SETS:
        path = data / f"more/{name}.3line"
        found = list(read_labelled(path))
        table = path.with_name(f"{name}_similar_folds.tsv")
        folds += [row.folds for row in read_similar_folds(table, path, len(found))]
        proteins += found
    return proteins, folds


def read_features(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Return first and last residue, from 1, of the intramembrane features of each protein."""
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["key"] == FEATURE:
                spans[row["id"]].append((int(row["first"]), int(row["last"])))
    return dict(spans)


def with_segments(protein: Protein, spans: Iterable[tuple[int, int]]) -> Protein:
    """Return a protein with re-entrant segments; its sides are unknown where they have no path."""
    labels = list(protein.labels or "")
    for first, last in spans:
        labels[first - 1 : last] = LETTER * (last - first + 1)
    text = "".join(labels)
    if not possible_types(text, load_grammar(GRAMMAR)):
        text = text.translate(dict.fromkeys(map(ord, SIDES), UNKNOWN))
    return replace(protein, labels=text)


def assign_folds(proteins: Sequence[Protein], similar: Sequence[set[str]]) -> list[str]:
    """Return a fold for each protein; similar proteins share it."""
    joined = groups(len(proteins), find_similar(proteins, proteins, Similarity()))
    members: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(joined):
        members[int(group)].append(i)
    segments = Counter[str](dict.fromkeys(FOLDS, 0))
    found = dict[int, str]()
    votes = {g: Counter(f for i in m for f in similar[i] & {*FOLDS}) for g, m in members.items()}
    order = sorted(members, key=lambda g: (not votes[g], -len(members[g])))
    for group in order:
        named = votes[group].most_common(1)
        fold = named[0][0] if named else min(FOLDS, key=lambda name: segments[name])
        found[group] = fold
        segments[fold] += sum(number_of_segments(proteins[i]) for i in members[group])
    print(f"{len(proteins)} proteins with {FEATURE} in {len(members)} groups; segments {segments}")
    own = [found[int(group)] for group in joined]
    other = sum(bool(near - {fold}) for near, fold in zip(similar, own, strict=True))
    print(f"{other} proteins are also similar to one of another fold", flush=True)
    return own


def number_of_segments(protein: Protein) -> int:
    """Return the number of re-entrant segments."""
    return sum(segment.label == LETTER for segment in to_segments(protein.labels or ""))


def write_relatives(
    places: Sequence[Path],
    output: Path,
    sources: Sequence[Protein],
    own: Sequence[str],
    folds: Sequence[set[str]],
) -> None:
    """Write proteins of some sets with the labels of proteins that have re-entrant segments."""
    grammar = load_grammar(GRAMMAR)
    targets: list[Protein] = []
    similar: dict[str, set[str]] = {}
    for place in places:
        found = list(read_labelled(place))
        table = place.with_name(f"{place.stem}_similar_folds.tsv")
        rows = read_similar_folds(table, place, len(found))
        similar |= {p.id: row.folds for p, row in zip(found, rows, strict=True)}
        targets += [Protein(p.id, p.sequence) for p in found]
    legal = [p for p in sources if possible_types(p.labels or "", grammar)]
    carried = transfer_labels(
        legal,
        targets,
        Similarity(0.25, 0.7, 1e-8, 5.7),
        types=("TM", "SP+TM", "GLOB"),
        grammar=grammar,
    )
    carried = [row for row in carried if number_of_segments(row.protein)]
    near: Mapping[int, set[str]] = defaultdict(set)
    for hit in find_similar(sources, [row.protein for row in carried], Similarity()):
        near[hit.target].add(own[hit.query])
    by_id = {protein.id: theirs for protein, theirs in zip(sources, folds, strict=True)}
    records = [
        LabelledRow(
            row.protein, (row.source.id, f"{row.identity:.3f}"), by_id[row.source.id] | near[i]
        )
        for i, row in enumerate(carried)
    ]
    write_extra_set(output, ("source", "identity"), records, similar, grammar.scheme)
    sources_used = {row.source.id for row in carried}
    print(f"reentrant_relatives: {len(records)} proteins, labels of {len(sources_used)}")


if __name__ == "__main__":
    main()
