"""Labels for unlabelled proteins from the labelled ones that they align with.

Homologues keep their topology far longer than their sequence: the labels of a protein hold for its
relatives, residue by residue along the alignment. What the alignment does not tell stays unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from topo.curation.homology import Alignment, Similarity, align_similar
from topo.grammar.legality import possible_types
from topo.labels import SIDES, UNKNOWN, protein_type
from topo.protein import Protein


class Transferred(NamedTuple):
    """A protein with labels from another: both, and the identity of their alignment."""

    protein: Protein
    source: Protein
    identity: float


def transfer_labels(
    labelled: Sequence[Protein],
    targets: Iterable[Protein],
    similarity: Similarity,
    *,
    types: Collection[str],
    limit: int = 25,
    threads: int = 1,
) -> list[Transferred]:
    """Give proteins the labels of the labelled protein that they align best with.

    Parameters
    ----------
    labelled
        Proteins with labels.
    targets
        Proteins that get them. Those whose sequence is among the labelled ones are passed over.
    similarity
        When two proteins are similar; ``coverage`` is asked of both.
    types
        Types of which labels are transferred.
    limit
        Targets of one labelled protein at the most, those of the highest score.

    Returns
    -------
    list of Transferred
        In the order of the targets. Labels without a path of the source's type are left out.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    sources = [p for p in labelled if p.labels and protein_type(p.labels) in types]
    targets = list(targets)
    best: dict[int, Alignment] = {}
    for alignment in align_similar(sources, targets, similarity, threads):
        other = best.get(alignment.target)
        if other is None or alignment.score > other.score:
            best[alignment.target] = alignment
    known = {protein.sequence for protein in labelled}
    taken: Counter[int] = Counter()
    found = {}
    for alignment in sorted(best.values(), key=lambda a: (-a.score, a.target)):
        source, target = sources[alignment.query], targets[alignment.target]
        if taken[alignment.query] >= limit or target.sequence in known:
            continue
        labels = project_labels(source.labels or "", alignment, len(target))
        if protein_type(source.labels or "") in possible_types(labels):
            taken[alignment.query] += 1
            found[alignment.target] = Transferred(
                replace(target, labels=labels), source, alignment.identity
            )
    return [found[index] for index in sorted(found)]


def project_labels(labels: str, alignment: Alignment, length: int) -> str:
    """Carry the labels of the query over to the target.

    Parameters
    ----------
    labels
        Of the query, one letter a residue.
    alignment
        Of query and target.
    length
        Residues of the target.

    Returns
    -------
    str
        ``length`` letters: the query's where residues are aligned, the loop's where the target has
        residues more inside a loop, ``-`` elsewhere.
    """
    place = alignment.query_start
    carried = []
    for residue, other in zip(alignment.query_row, alignment.target_row, strict=True):
        if residue == "-":
            before, after = labels[place - 1 : place], labels[place : place + 1]
            carried.append(before if before == after and before in SIDES else UNKNOWN)
        else:
            if other != "-":
                carried.append(labels[place])
            place += 1
    start = alignment.target_start
    return (UNKNOWN * start + "".join(carried)).ljust(length, UNKNOWN)
