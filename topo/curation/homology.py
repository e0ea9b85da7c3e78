"""Search for similar proteins with MMseqs2.

Two proteins are similar when they align with at least the identity over at least the coverage of
the shorter one, at an expectation value that MMseqs2 reports. Equal sequences are always similar
(MMseqs2 finds no hit among very short or repetitive ones). Identity is that of the alignment: equal
residues over aligned columns.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from topo.errors import TopoError
from topo.protein import Protein

PROGRAM = "mmseqs"
_COLUMNS = "query,target,fident,qcov,tcov,qlen,tlen"
_ALIGNMENT_COLUMNS = "query,target,fident,bits,qstart,tstart,qaln,taln"


@dataclass(frozen=True)
class Similarity:
    """Criteria of similarity of two proteins.

    Parameters
    ----------
    identity
        Minimum share of equal residues in the alignment.
    coverage
        Minimum share of the shorter protein that the alignment covers.
    expectation
        Maximum expectation value of the alignment.
    sensitivity
        Sensitivity of MMseqs2's prefilter, 1 to 7.5. On 4,433 proteins and one core 7.5 takes
        three times as long as MMseqs2's default of 5.7, and finds 19 hits instead of 14.
    iterations
        Number of rounds of search; later rounds use the profiles of the hits.
    """

    identity: float = 0.3
    coverage: float = 0.5
    expectation: float = 1e-3
    sensitivity: float = 7.5
    iterations: int = 1


class Hit(NamedTuple):
    """A similar pair: index of the query, index of the target, identity, coverage."""

    query: int
    target: int
    identity: float
    coverage: float


class Alignment(NamedTuple):
    """Pairwise alignment of two proteins.

    Parameters
    ----------
    query, target
        Index of each protein.
    identity
        Share of equal residues.
    score
        Bit score.
    query_start, target_start
        Index of the first aligned residue, 0-based.
    query_row, target_row
        Rows of the alignment, of equal length, ``-`` for a gap.
    """

    query: int
    target: int
    identity: float
    score: float
    query_start: int
    target_start: int
    query_row: str
    target_row: str


def find_similar(
    queries: Sequence[Protein],
    targets: Sequence[Protein],
    similarity: Similarity,
    threads: int = 1,
) -> list[Hit]:
    """Search queries in targets; the hit of a protein with itself is included.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    hits = {(hit.query, hit.target): hit for hit in _equal(queries, targets)}
    for fields in _search(queries, targets, similarity, threads, _COLUMNS):
        hit = _hit(fields)
        if hit.identity >= similarity.identity and hit.coverage >= similarity.coverage:
            hits.setdefault((hit.query, hit.target), hit)
    return list(hits.values())


def align_similar(
    queries: Sequence[Protein],
    targets: Iterable[Protein],
    similarity: Similarity,
    threads: int = 1,
) -> Iterator[Alignment]:
    """Align queries with their similar targets; ``coverage`` applies to both chains.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    wanted = ("-c", str(similarity.coverage), "--cov-mode", "0")
    for fields in _search(queries, targets, similarity, threads, _ALIGNMENT_COLUMNS, wanted):
        query, target, identity, score, start, target_start, *rows = fields
        yield Alignment(
            int(query),
            int(target),
            float(identity),
            float(score),
            int(start) - 1,
            int(target_start) - 1,
            *rows,
        )


def groups(count: int, hits: Sequence[Hit]) -> np.ndarray:
    """Return the group of directly or indirectly similar proteins of each, int, shape (count,)."""
    rows, columns = [hit.query for hit in hits], [hit.target for hit in hits]
    links = coo_matrix((np.ones(len(hits)), (rows, columns)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def _search(
    queries: Iterable[Protein],
    targets: Iterable[Protein],
    similarity: Similarity,
    threads: int,
    columns: str,
    options: Sequence[str] = (),
) -> Iterator[list[str]]:
    """Run MMseqs2 and yield the columns of each hit."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise TopoError(
            f"{PROGRAM}: not found, expected MMseqs2 on the PATH "
            "(apt install mmseqs2, brew install mmseqs2 or conda install -c bioconda mmseqs2)"
        )
    with TemporaryDirectory(prefix="topo-mmseqs-") as name:
        folder = Path(name)
        for proteins, file in ((queries, "queries.fasta"), (targets, "targets.fasta")):
            with open(folder / file, "w", encoding="ascii") as fasta:
                # Numbers as ids: the ids of the sets may be equal or contain any character.
                fasta.writelines(f">{i}\n{p.sequence}\n" for i, p in enumerate(proteins))
        files = ("queries.fasta", "targets.fasta", "hits.tsv", "work")
        command = [program, "easy-search", *(str(folder / file) for file in files)]
        command += ["-s", str(similarity.sensitivity), "--alignment-mode", "3"]
        command += ["--max-seqs", "1000", "-e", str(similarity.expectation)]
        command += ["--min-seq-id", str(similarity.identity), *options]
        if similarity.iterations > 1:
            command += ["--num-iterations", str(similarity.iterations)]
        command += ["--format-output", columns, "--threads", str(threads), "-v", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = (done.stderr + done.stdout).strip().splitlines() or ["no message"]
            raise TopoError(f"{PROGRAM} failed: {lines[-1]}")
        with open(folder / "hits.tsv", encoding="ascii") as file:
            yield from (line.rstrip("\n").split("\t") for line in file)


def _hit(fields: Sequence[str]) -> Hit:
    query, target, identity, *rest = fields
    covered, covered_target, length, length_target = map(float, rest)
    coverage = covered if length <= length_target else covered_target
    return Hit(int(query), int(target), float(identity), coverage)


def _equal(queries: Sequence[Protein], targets: Sequence[Protein]) -> Iterator[Hit]:
    places: dict[str, list[int]] = {}
    for i, protein in enumerate(targets):
        places.setdefault(protein.sequence, []).append(i)
    for i, protein in enumerate(queries):
        yield from (Hit(i, j, 1.0, 1.0) for j in places.get(protein.sequence, ()))
