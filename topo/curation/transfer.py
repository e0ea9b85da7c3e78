"""Transfer of labels to unlabelled proteins along alignments.

Topology is conserved far longer than sequence, so the labels of a protein are valid for its
homologues, residue by residue along the alignment. Residues without an aligned label stay unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from topo.grammar.legality import possible_types
from topo.grammar.table import Grammar, default_grammar
from topo.homology.search import Alignment, Similarity, align_similar
from topo.labels import SIDES, UNKNOWN
from topo.protein import Protein


class Transferred(NamedTuple):
    """A protein with transferred labels, their source, and the identity of the alignment."""

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
    grammar: Grammar | None = None,
) -> list[Transferred]:
    """Label proteins by the labelled protein of their best alignment.

    Parameters
    ----------
    labelled
        Proteins with labels.
    targets
        Proteins to label. Those with the sequence of a labelled protein are left out.
    similarity
        Criteria of similarity; ``coverage`` applies to both proteins.
    types
        Types of the proteins whose labels are transferred.
    limit
        Maximum number of targets of one labelled protein, those of the highest score.
    threads
        Number of threads of MMseqs2.
    grammar
        Grammar of the labels; the default grammar where None.

    Returns
    -------
    list of Transferred
        In the order of the targets. Labels without a path of the source's type are left out.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    scheme = (grammar or default_grammar()).scheme
    sources = [p for p in labelled if p.labels and scheme.type_of(p.labels) in types]
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
        if scheme.type_of(source.labels or "") in possible_types(labels, grammar):
            taken[alignment.query] += 1
            found[alignment.target] = Transferred(
                replace(target, labels=labels), source, alignment.identity
            )
    return [found[index] for index in sorted(found)]


def project_labels(labels: str, alignment: Alignment, length: int) -> str:
    """Project the labels of the query onto the target.

    Parameters
    ----------
    labels
        Labels of the query, one letter per residue.
    alignment
        Alignment of query and target.
    length
        Number of residues of the target.

    Returns
    -------
    str
        ``length`` letters: the query's label at aligned residues, the loop's label at insertions
        of the target inside a loop, ``-`` elsewhere.
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
