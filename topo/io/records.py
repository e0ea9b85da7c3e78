"""Checks of residues, labels and ids, shared by all readers of proteins."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from topo.errors import InputError, InputWarning, RecordError
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein

LONGEST = 10_000_000
"""Largest number of residues of a protein."""

STOPS = "*."
"""Symbols of a stop: the usual one, and the one that gffread writes."""

_HINTS = {
    "-": "; remove alignment gaps first",
    ".": "; it may be gffread's stop, or else an alignment gap: remove alignment gaps first",
    "*": "; a stop is allowed only at the end",
}
_DUPLICATES_SHOWN = 5
_FAULTS_SHOWN = 10
_REASON_SHOWN = 200


class Fault(NamedTuple):
    """Reason why a record cannot be read.

    Parameters
    ----------
    record
        Id of the record; empty where it has none.
    line
        1-based line number, where there is one.
    reason
        What was found and what was expected.
    source
        Name of the file.
    """

    record: str
    line: int | None
    reason: str
    source: str

    @classmethod
    def of(cls, record: str, error: InputError, source: str) -> Fault:
        """Make a fault of an error."""
        return cls(record, error.line, error.reason, source)


@dataclass
class RecordPolicy:
    """Treatment of faulty records.

    Parameters
    ----------
    skip
        Whether faulty records are left out. By default they are an error, which names the first
        ten and their number.
    mask_stops
        Whether ``*`` and ``.`` within a sequence are read as ``X``.
    report_repeats
        Whether a warning names ids that repeat, for which all ids are kept in memory.

    Attributes
    ----------
    faults
        Faults of the records that were left out.
    """

    skip: bool = False
    mask_stops: bool = False
    report_repeats: bool = True
    faults: list[Fault] = field(default_factory=list)


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
        On any other symbol; the message has its 1-based position in the record. Also if the
        record has more than :data:`LONGEST` residues.
    """
    if offset + len(text) > LONGEST:
        raise InputError(source, f"{record} has more than {LONGEST:,} residues", line)
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


def masked(text: str) -> str:
    """Replace stops by ``X``."""
    for symbol in STOPS:
        text = text.replace(symbol, "X")
    return text


def clean_sequence(
    text: str, source: str, line: int | None, record: str, *, mask_stops: bool = False
) -> str:
    """Check a whole sequence: as :func:`clean_residues`, without one final stop, not empty."""
    text = text.strip()
    text = text[:-1] if text.endswith(tuple(STOPS)) else text
    sequence = clean_residues(masked(text) if mask_stops else text, source, line, record)
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
    scheme: LabelScheme = SIX,
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
            scheme.encode(labels)
    except ValueError as error:
        raise InputError(source, f"{record}: {error}", line) from None
    return labels


def finish_records(
    records: Iterator[tuple[str, Protein | Fault]], source: str, policy: RecordPolicy | None = None
) -> Iterator[Protein]:
    """Yield the records; warn once about repeated ids.

    Parameters
    ----------
    records
        Pairs of place (``line 3``) and record, or the fault of a record.
    source
        Name of the file in messages.
    policy
        Treatment of faulty records. Where they are an error, no record after the first of them is
        yielded, but all are counted.

    Raises
    ------
    RecordError
        If there are faulty records and the policy does not leave them out.
    InputError
        If there is no record.
    """
    policy = policy or RecordPolicy()
    faults = _Faults(policy)
    first: dict[str, str] = {}
    repeats: list[str] = []
    repeated, found = 0, False
    for place, protein in records:
        if isinstance(protein, Fault):
            faults.add(protein)
            continue
        if faults.shown and not policy.skip:
            continue
        found = True
        earlier = first.setdefault(protein.id, place) if policy.report_repeats else place
        if earlier is not place:
            repeated += 1
            if repeated <= _DUPLICATES_SHOWN:
                repeats.append(f"{protein.id} ({earlier} and {place})")
        yield protein
    faults.check(source, found)
    if not found:
        raise InputError(source, "holds no records")
    if repeated:
        more = f" and {repeated - len(repeats)} more" if repeated > len(repeats) else ""
        warnings.warn(
            f"{source}: ids that repeat, each record is kept: {', '.join(repeats)}{more}",
            InputWarning,
            stacklevel=2,
        )


class _Faults:
    """Faults of one file."""

    def __init__(self, policy: RecordPolicy) -> None:
        self.shown: list[Fault] = []
        self._policy, self._count = policy, 0

    def add(self, fault: Fault) -> None:
        self._count += 1
        if len(self.shown) < _FAULTS_SHOWN:
            self.shown.append(fault)
        if self._policy.skip:
            self._policy.faults.append(fault)

    def check(self, source: str, any_good: bool) -> None:
        """Raise an error unless the faults are left out and other records exist."""
        if not self.shown or (self._policy.skip and any_good):
            return
        (_, line, reason, _), *others = self.shown
        if self._policy.skip:
            found = f"holds no record that can be read, {self._count:,} faulty ones"
            raise InputError(source, f"{found}; the first: {reason}", line)
        if self._count == 1:
            raise RecordError(source, reason, line)
        listed = [reason[:_REASON_SHOWN]]
        listed += [f"{_place(fault)}{fault.reason[:_REASON_SHOWN]}" for fault in others]
        if self._count > len(self.shown):
            listed.append(f"and {self._count - len(self.shown):,} more")
        listed.append(f"{self._count:,} faulty records")
        raise RecordError(source, "; ".join(listed), line)


def _place(fault: Fault) -> str:
    return "" if fault.line is None else f"line {fault.line}: "
