"""Build data/example from Swiss-Prot flat files, whose sources are listed in data/README.md.

    python data/build_example.py seq.dat uniprotft.sw [-o data/example]

The same input always gives the same files.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from Bio.Align import PairwiseAligner, substitution_matrices

from topo.io import read_swissprot, write_fasta, write_partitions, write_three_line
from topo.io.files import atomic_text
from topo.protein import Protein

FOLDS = {"train": 0.6, "validation": 0.2, "test": 0.2}
IDENTITY, COVERAGE = 0.3, 0.5
STANDARD = "ACDEFGHIKLMNPQRSTVWY"
COLUMNS = ("id", "entry_name", "updated", "type", "fold", "file", "organism", "description")


def main() -> None:
    """Read the files of the command line and write the bundled set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="Swiss-Prot flat files")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "example")
    arguments = parser.parse_args()
    proteins = typed_proteins(arguments.files)
    folds = assign_folds(clusters(proteins), proteins)
    proteins = [replace(protein, fold=folds[protein.id]) for protein in proteins]
    write(proteins, arguments.output)
    print(f"{len(proteins)} proteins written to {arguments.output}")


def typed_proteins(files: list[Path]) -> list[Protein]:
    """Return proteins of distinct sequences whose labels determine a single type."""
    found: dict[str, Protein] = {}
    for file in files:
        for protein in read_swissprot(file):
            if len(protein.metadata.get("types", ())) == 1:
                metadata = {**protein.metadata, "file": file.name}
                found.setdefault(protein.sequence, replace(protein, metadata=metadata))
    return list(found.values())


def clusters(proteins: list[Protein]) -> list[list[Protein]]:
    """Group proteins by single linkage: 30 % identity over half of the shorter one."""
    aligner = PairwiseAligner(
        mode="local",
        substitution_matrix=substitution_matrices.load("BLOSUM62"),
        open_gap_score=-11,
        extend_gap_score=-1,
    )
    group = {protein.id: [protein] for protein in proteins}
    for one, other in combinations(proteins, 2):
        if group[one.id] is not group[other.id] and similar(one, other, aligner):
            merged = group[one.id] + group[other.id]
            group.update((protein.id, merged) for protein in merged)
    distinct = {id(members): members for members in group.values()}
    return sorted(distinct.values(), key=lambda members: (-len(members), members[0].id))


def similar(one: Protein, other: Protein, aligner: PairwiseAligner) -> bool:
    """Return whether the best local alignment reaches coverage and identity."""
    sequences = ["".join(c if c in STANDARD else "X" for c in p.sequence) for p in (one, other)]
    counts = aligner.align(*sequences)[0].counts()
    columns = counts.identities + counts.mismatches
    return columns >= COVERAGE * min(len(one), len(other)) and (
        counts.identities >= IDENTITY * columns
    )


def assign_folds(groups: list[list[Protein]], proteins: list[Protein]) -> dict[str, str]:
    """Assign each cluster to the fold whose types are furthest below their share."""
    totals = Counter(kind(protein) for protein in proteins)
    held: dict[str, Counter[str]] = {fold: Counter() for fold in FOLDS}
    folds = {}
    for members in groups:
        types = Counter(kind(protein) for protein in members)

        def missing(fold: str, types: Counter[str] = types) -> float:
            return sum(
                types[name] * (FOLDS[fold] - held[fold][name] / totals[name]) for name in types
            )

        fold = max(FOLDS, key=missing)
        held[fold] += types
        folds.update((protein.id, fold) for protein in members)
    return folds


def kind(protein: Protein) -> str:
    """Return the only type that the labels allow."""
    return protein.metadata["types"][0]


def write(proteins: list[Protein], folder: Path) -> None:
    """Write the four files of the bundled set."""
    write_three_line(proteins, folder / "proteins.3line")
    write_fasta(proteins, folder / "proteins.fasta")
    fold_order = sorted(proteins, key=lambda p: list(FOLDS).index(p.fold or ""))
    bare = [replace(protein, metadata={}) for protein in fold_order]
    write_partitions(bare, folder / "example.partitions.json")
    with atomic_text(folder / "sources.tsv") as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for protein in proteins:
            row = {
                **protein.metadata,
                "id": protein.id,
                "type": kind(protein),
                "fold": protein.fold,
            }
            stream.write("\t".join(str(row[column]) for column in COLUMNS) + "\n")


if __name__ == "__main__":
    main()
