"""Options that several verbs of ``topo data`` share, and the values they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.options import split_names

if TYPE_CHECKING:
    from topo.protein import Protein

Labelled = Annotated[str, typer.Argument(help="Labelled proteins, in any format topo reads.")]
ThreeLine = Annotated[str, typer.Option("--output", "-o", help="3-line file to write.")]
Identity = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Minimum share of equal residues in an alignment.")
]
Coverage = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Minimum share of the shorter chain in it.")
]
Sensitivity = Annotated[
    float,
    typer.Option(min=1.0, max=7.5, help="Sensitivity of MMseqs2; larger values find more, slower."),
]
Threads = Annotated[int, typer.Option(min=1, help="Number of threads of MMseqs2.")]
SimilarTo = Annotated[
    str | None,
    typer.Option(help="TSV of ids and the folds that each protein to write is similar to."),
]
Apart = Annotated[
    str, typer.Option(help="Folds; proteins that are similar to one of them are left out.")
]


@dataclass(frozen=True)
class SimilarIds:
    """Folds that proteins are similar to, by id, and the ids to leave out.

    Parameters
    ----------
    folds
        Content of the table of ``--similar-to``; empty without one.
    held
        Ids that ``--apart`` leaves out.
    """

    folds: dict[str, set[str]]
    held: Set[str] = frozenset()

    @classmethod
    def of(cls, table: str | None, apart: str = "") -> SimilarIds:
        """Read the table of ``--similar-to`` and look up the folds of ``--apart``."""
        from topo.errors import TopoError
        from topo.io.similar_folds import ids_similar_to, read_similar_ids

        folds = read_similar_ids(table) if table else {}
        if not apart:
            return cls(folds)
        if not table:
            raise TopoError("found --apart without --similar-to, expected both")
        return cls(folds, ids_similar_to(split_names(apart), folds, table))

    def keep(self, proteins: Iterable[Protein]) -> Iterator[Protein]:
        """Yield the proteins that are not left out."""
        return (protein for protein in proteins if protein.id not in self.held)


def read_types(text: str) -> list[str]:
    """Read the protein types of ``--types``.

    Raises
    ------
    TopoError
        On a name that is not a type.
    """
    from topo.errors import TopoError
    from topo.labels import TYPES

    wanted = split_names(text)
    if unknown := set(wanted) - {*TYPES}:
        raise TopoError(f"--types: found {sorted(unknown)[0]}, expected some of {', '.join(TYPES)}")
    return wanted
