"""Resumption of an interrupted run of ``topo predict``."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from topo.errors import InputWarning, TopoError
from topo.inference.memory import default_batch_residues
from topo.inference.store import PredictionStore, create_store, reopen_store

FILE = ".topo-resume"
"""Name of the store in the output folder."""


@contextmanager
def open_store(
    folder: Path, made_by: Mapping[str, Any], batch_residues: int | None, resume: bool
) -> Iterator[PredictionStore]:
    """Open the store of an output folder, and remove it when the block ends without an error.

    When the block raises, the store is kept for a run that resumes, unless it is empty.

    Parameters
    ----------
    folder
        Output folder; the store is the file :data:`FILE` in it.
    made_by
        What the predictions depend on beside the proteins, as JSON values.
    batch_residues
        Number of padded residues per batch; None takes that of the resumed run, or a default.
    resume
        Whether to continue with an existing store, instead of discarding it with a warning.

    Yields
    ------
    PredictionStore
        Store whose header holds ``made_by``, ``batch_residues`` and ``started``, the time when
        the run was first started (YYYYMMDDHHMMSS).

    Raises
    ------
    TopoError
        If the unfinished run used another model or other options, or the file cannot be read or
        written.
    """
    path = folder / FILE
    store = _existing(path, dict(made_by), batch_residues, resume)
    if store is None:
        budget = batch_residues or default_batch_residues()
        header = {"made_by": dict(made_by), "started": _now(), "batch_residues": budget}
        store = create_store(path, header)
    try:
        yield store
    except BaseException:
        store.close()
        raise
    store.remove()


def _existing(
    path: Path, made_by: dict[str, Any], batch_residues: int | None, resume: bool
) -> PredictionStore | None:
    """Return the store of the run to resume; None where the run starts from nothing."""
    store = reopen_store(path)
    if store is None:
        if resume:
            warnings.warn(f"{path}: no unfinished run here, nothing to resume", InputWarning, 1)
        return None
    if not resume:
        warnings.warn(
            f"{path}: discarded {len(store)} predictions of an unfinished run "
            "(--resume keeps them)",
            InputWarning,
            stacklevel=1,
        )
        store.close()
        return None
    theirs = store.header["made_by"] | {"batch_residues": store.header["batch_residues"]}
    ours = made_by | {"batch_residues": batch_residues or theirs["batch_residues"]}
    if ours != theirs:
        store.close()
        difference = first_difference(theirs, ours)
        raise TopoError(
            f"{path}: the unfinished run has {difference}; without --resume it starts from the "
            "beginning"
        )
    return store


def first_difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str | None:
    """Describe the first entry in which two runs differ; None if they are equal."""
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            found, expected = (str(side.get(name))[:20] for side in (theirs, ours))
            return f"{name} {found}, this one {expected}"
    return None


def _now() -> str:
    """Return the time, or that of SOURCE_DATE_EPOCH, which makes files reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    when = time.gmtime(int(epoch)) if epoch.isdecimal() else time.localtime()
    return time.strftime("%Y%m%d%H%M%S", when)
