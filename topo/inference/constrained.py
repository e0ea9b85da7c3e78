"""Constraints attached to the proteins of a stream."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike

from topo.constraints import Constraint, parse_constraint
from topo.crf.conditions import first_impossible
from topo.errors import InputWarning, TopoError
from topo.grammar.table import Grammar
from topo.io.constraints import read_constraints
from topo.io.ids import plain_id
from topo.protein import Protein

Constraints = Mapping[str, str | Iterable[str | Constraint]]
"""Constraints of proteins by id, as texts or parsed."""

_SHOWN = 5
_UNIPROT_ID = re.compile(r"(?:sp|tr)\|(\w+)\|\w+")


def parse_constraints(
    constraints: str | PathLike[str] | Constraints,
) -> dict[str, list[Constraint]]:
    """Return the constraints of each protein by id, from a table or a mapping.

    Raises
    ------
    TopoError
        If a constraint is malformed.
    """
    if isinstance(constraints, (str, PathLike)):
        return read_constraints(constraints)
    return {
        name: [
            parse_constraint(one) if isinstance(one, str) else one
            for one in ([texts] if isinstance(texts, str) else texts)
        ]
        for name, texts in constraints.items()
    }


def constrain(
    proteins: Iterable[Protein],
    grammar: Grammar,
    constraints: Mapping[str, Sequence[Constraint]],
) -> Iterator[Protein]:
    """Yield the proteins with their constraints; warn once about ids that do not occur.

    Parameters
    ----------
    proteins
        Proteins.
    grammar
        Grammar of the model.
    constraints
        Constraints by id: the original one, that of plain text files, or the accession of UniProt's
        ids (``sp|P02699|OPSD_BOVIN``).

    Raises
    ------
    TopoError
        If no legal topology meets a protein's constraints; the message names the first that
        cannot hold together with those before it.
    """
    unused = dict.fromkeys(constraints)
    for protein in proteins:
        name = next((name for name in _names(protein.id) if name in constraints), "")
        unused.pop(name, None)
        own = tuple(constraints.get(name, ()))
        yield _constrained(protein, (*protein.constraints, *own), grammar) if own else protein
    if unused:
        names = list(unused)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        warnings.warn(
            f"ids with constraints that are not among the proteins: {', '.join(names[:_SHOWN])}"
            f"{more}",
            InputWarning,
            stacklevel=2,
        )


def _names(identifier: str) -> Iterator[str]:
    """Yield the names under which the constraints of a protein may stand."""
    yield identifier
    yield plain_id(identifier)
    if found := _UNIPROT_ID.fullmatch(identifier):
        yield found[1]


def constrain_single(
    proteins: Iterable[Protein], grammar: Grammar, constraints: Sequence[Constraint]
) -> Iterator[Protein]:
    """Yield the only protein with its constraints.

    Raises
    ------
    TopoError
        If there are several proteins, or no legal topology meets the constraints.
    """
    for number, protein in enumerate(proteins):
        if number:
            raise TopoError(
                "--fix: found several proteins, expected one; --constraints takes those of several"
            )
        yield _constrained(protein, (*protein.constraints, *constraints), grammar)


class Known:
    """Constraints of the command line; true if there are any.

    Parameters
    ----------
    table
        Path to a file of constraints, or None.
    fixed
        Constraints on the only protein, as texts.
    form
        Format of the file, see :func:`topo.io.constraints.read_constraints`.
    """

    def __init__(self, table: str | None, fixed: Sequence[str], form: str = "auto") -> None:
        self._table = read_constraints(table, form) if table is not None else {}
        self._fixed = [parse_constraint(text) for text in fixed]
        self._any = table is not None or bool(fixed)

    def __bool__(self) -> bool:
        return self._any

    def attach(self, proteins: Iterable[Protein], grammar: Grammar) -> Iterable[Protein]:
        """Return the proteins with their constraints; see :func:`constrain`."""
        if self._fixed:
            proteins = constrain_single(proteins, grammar, self._fixed)
        return constrain(proteins, grammar, self._table) if self._table else proteins

    def check(self, proteins: Iterable[Protein], grammar: Grammar) -> None:
        """Read the proteins once, so that errors are raised before anything is written."""
        for _ in self.attach(proteins, grammar):
            pass


def extra_columns(known: Known, alternatives: int, relatives: bool = False) -> list[str]:
    """Return the ``extras`` of :func:`topo.io.writers.open_writers` for a run."""
    return [
        *(["constraints"] if known else []),
        *(["alternatives"] if alternatives else []),
        *(["relatives"] if relatives else []),
    ]


def _constrained(
    protein: Protein, constraints: tuple[Constraint, ...], grammar: Grammar
) -> Protein:
    size = len(protein)
    for constraint in constraints:
        if constraint.kind == "labels" and (constraint.last or 0) > size:
            raise TopoError(
                f"{_place(constraint)}{protein.id}: found constraint {str(constraint)!r}, "
                f"expected residues up to {size}"
            )
    wrong = first_impossible(grammar, constraints, size)
    if wrong is not None:
        before = " together with the constraints before it" if wrong is not constraints[0] else ""
        raise TopoError(
            f"{_place(wrong)}{protein.id}: found constraint {str(wrong)!r}, which no legal "
            f"topology of {size} residues meets{before}"
        )
    return replace(protein, constraints=constraints)


def _place(constraint: Constraint) -> str:
    return f"{constraint.place}: " if constraint.place else ""
