"""Files that earlier or killed runs of ``topo predict`` have left in an output folder."""

from __future__ import annotations

import re
from pathlib import Path

from topo.io.files import remove_temporary
from topo.io.folder import OUTPUT_FOLDER
from topo.io.writers import output_names

PLOTS = "plots"
_FILES = {
    "": re.compile(r".*_probs\.csv"),
    PLOTS: re.compile(r".*_(traces|snake)\.(png|svg|pdf)"),
    OUTPUT_FOLDER: re.compile(r".*\.(pdb|cif|pml|cxc)"),
}
"""Names of the files of single proteins in each folder."""

_CUT = re.compile(r".{64}")
"""Name of a temporary file of a long name."""

_SHOWN = 3


class LeftOver:
    """Output files that were in a folder before a run.

    Temporary files that a killed run has left are removed.

    Parameters
    ----------
    folder
        Path to the output folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, pattern in _FILES.items():
            for further in (pattern, _CUT):
                remove_temporary(folder / name, output_names(), further)
        self._before = self._states()

    def message(self) -> str | None:
        """Return a line that names the files that the run has not written; None without any."""
        now = self._states()
        stale = [file for file, state in self._before.items() if now.get(file) == state]
        if not stale:
            return None
        shown = ", ".join(stale[:_SHOWN]) + (", ..." if len(stale) > _SHOWN else "")
        return f"{self._folder}: {len(stale):,} files of an earlier run are still there ({shown})"

    def _states(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of the output files by their names."""
        found = {}
        for name, pattern in _FILES.items():
            folder = self._folder / name
            for file in sorted(folder.iterdir()) if folder.is_dir() else ():
                if pattern.fullmatch(file.name) or (not name and file.name in output_names()):
                    state = file.stat()
                    key = f"{name}/{file.name}" if name else file.name
                    found[key] = (state.st_ino, state.st_mtime_ns)
        return found
