"""Table of records that a prediction leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topo.io.files import atomic_text
from topo.io.ids import table_cell
from topo.io.records import Fault

_HEADER = "record\tline\treason\tfile\n"
_SHOWN = 5


def write_invalid(path: Path, faults: Sequence[Fault]) -> None:
    """Write the faults, one per line; remove the file if there are none.

    Parameters
    ----------
    path
        Path to the table, e.g. ``invalid.tsv``.
    faults
        Faults in the order of the input.
    """
    if not faults:
        path.unlink(missing_ok=True)
        return
    with atomic_text(path) as stream:
        stream.write(_HEADER)
        for record, line, reason, source in faults:
            cells = (record, "" if line is None else str(line), reason, source)
            stream.write("\t".join(map(table_cell, cells)) + "\n")


def invalid_message(faults: Sequence[Fault], path: Path | None) -> str:
    """Return one line that names the first records that are left out, and the table if any."""
    names = ", ".join(fault.record or f"line {fault.line}" for fault in faults[:_SHOWN])
    more = ", ..." if len(faults) > _SHOWN else ""
    what = "1 faulty record" if len(faults) == 1 else f"{len(faults):,} faulty records"
    table = "" if path is None else f", listed in {path}"
    return f"left out {what} ({names}{more}){table}"
