"""Checks of residues, labels and ids, shared by all readers of proteins."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from topo.errors import InputError, InputWarning
from topo.labels import encode_labels
from topo.protein import Protein

_HINTS = {
    "-": "; remove alignment gaps first",
    ".": "; remove alignment gaps first",
    "*": "; a stop is allowed only at the end",
}
_DUPLICATES_SHOWN = 5


def clean_residues(
    text: str,
    source: str,
    line: int | None,
    record: str,
    offset: int = 0,
    *,
    stops: bool = False,
) -> str:
    """Check residues and convert them to upper case; white space is dropped.

    Parameters
    ----------
    text
        Residues.
    source, line
        Location in error messages.
    record
        Id of the record.
    offset
        Number of residues of the record before these.
    stops
        Whether ``*`` is an unknown residue (``X``), as in the files of other programs.

    Returns
    -------
    str
        Letters A to Z only, possibly none.

    Raises
    ------
    InputError
        On any other symbol; the message has its 1-based position in the record.
    """
    if text.isascii() and text.isalpha():  # fast path: a proteome has 10^5 lines
        return text.upper()
    text = "".join(text.split())
    if stops:
        text = text.replace("*", "X")
    for position, symbol in enumerate(text, offset + 1):
        if not (symbol.isascii() and symbol.isalpha()):
            hint = _HINTS.get(symbol, "")
            raise InputError(
                source,
                f"found {symbol!r} at position {position} of {record}, "
                f"expected a residue letter{hint}",
                line,
            )
    return text.upper()


def clean_sequence(
    text: str, source: str, line: int | None, record: str, *, stops: bool = False
) -> str:
    """Check a whole sequence: as :func:`clean_residues`, without one final ``*``, not empty."""
    sequence = clean_residues(text.strip().removesuffix("*"), source, line, record, stops=stops)
    if not sequence:
        raise InputError(source, f"{record} has no residues", line)
    return sequence


def without_final_stop(residues: str, labels: str) -> tuple[str, str]:
    """Remove a final ``*``, and its label where it has one."""
    if not residues.endswith("*"):
        return residues, labels
    return residues[:-1], labels[:-1] if len(labels) == len(residues) else labels


def check_labels(
    labels: str,
    sequence: str,
    source: str,
    line: int | None,
    record: str,
    *,
    any_letter: bool = False,
) -> str:
    """Check that there is one label letter (or ``-``) per residue.

    Raises
    ------
    InputError
        On another number of labels or, unless ``any_letter``, another letter.
    """
    if len(labels) != len(sequence):
        raise InputError(
            source, f"found {len(labels)} labels for {len(sequence)} residues of {record}", line
        )
    try:
        if not any_letter:
            encode_labels(labels)
    except ValueError as error:
        raise InputError(source, f"{record}: {error}", line) from None
    return labels


def finish_records(records: Iterator[tuple[str, Protein]], source: str) -> Iterator[Protein]:
    """Yield the records; warn once about repeated ids.

    Parameters
    ----------
    records
        Pairs of place (``line 3``) and record.
    source
        Name of the file in messages.

    Raises
    ------
    InputError
        If there is no record.
    """
    first: dict[str, str] = {}
    repeats: list[str] = []
    repeated = 0
    for place, protein in records:
        earlier = first.setdefault(protein.id, place)
        if earlier is not place:
            repeated += 1
            if repeated <= _DUPLICATES_SHOWN:
                repeats.append(f"{protein.id} ({earlier} and {place})")
        yield protein
    if not first:
        raise InputError(source, "holds no records")
    if repeated:
        more = f" and {repeated - len(repeats)} more" if repeated > len(repeats) else ""
        warnings.warn(
            f"{source}: ids that repeat, each record is kept: {', '.join(repeats)}{more}",
            InputWarning,
            stacklevel=2,
        )
