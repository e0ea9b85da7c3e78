"""Checkpoints of an unfinished training: written beside their target, the one before is kept."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from topo.errors import InputWarning, TopoError
from topo.runs import Run

_NEEDED = ("state_dict", "epoch", "global_step", "callbacks", "optimizer_states", "loops")
"""Keys of a complete checkpoint."""


class SafeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, which replace the file before in one step.

    Lightning writes into TMPDIR and moves the file, which copies it where TMPDIR is another file
    system: a process killed in between leaves a part of it.

    Parameters
    ----------
    run
        Run whose checkpoint to resume from is also kept as :func:`previous`.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.kept = run.resume_file.name

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises
        ------
        TopoError
            If the folder cannot be written or the disk is full.
        """
        target = Path(path)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        partial = target.with_name(f".{target.name}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            if target.name == self.kept:
                _keep(target)
            partial.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            raise TopoError(f"{target}: cannot be written ({error.strerror})") from None
        finally:
            _remove(partial)


def previous(path: Path) -> Path:
    """Return the path of the checkpoint before the one at ``path``."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def checkpoint_to_resume(run: Run) -> Path | None:
    """Return the newest complete checkpoint of a run; None where no epoch has ended.

    A warning is issued if the newest file is damaged and the one before it is taken.

    Raises
    ------
    TopoError
        If no file is complete.
    """
    newest = run.resume_file
    found = [path for path in (newest, previous(newest)) if path.is_file()]
    if not found:
        return None
    for path in found:
        if _is_complete(path):
            if path != newest:
                what = "damaged" if newest.is_file() else "missing"
                warnings.warn(
                    f"{newest}: {what}; the training continues from {path.name}, one epoch earlier",
                    InputWarning,
                    stacklevel=2,
                )
            return path
    raise TopoError(
        f"{newest}: damaged, and there is no earlier checkpoint; "
        f"delete {newest.parent} to train this run from the first epoch"
    )


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint of Lightning without executing code.

    Raises
    ------
    TopoError
        If it is missing or damaged.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TopoError(f"{path}: no such file") from None
    except Exception:  # torch raises many kinds for damaged files
        raise TopoError(f"{path}: damaged checkpoint") from None
    if not isinstance(state, dict) or any(key not in state for key in _NEEDED):
        raise TopoError(f"{path}: damaged checkpoint")
    return state


def _is_complete(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except TopoError:
        return False
    return True


def _keep(target: Path) -> None:
    """Give the present file a second name; the target exists at all times."""
    if not target.is_file():
        return
    kept = previous(target)
    try:
        _remove(kept)
        os.link(target, kept)
    except OSError:  # a file system without links
        os.replace(target, kept)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
