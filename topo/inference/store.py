"""Answers that a run has computed, kept in a file so that the run can go on after its end.

The file is append-only: a line of magic, then blocks of length, CRC-32 and content. The first
block is the header, JSON that says what made the answers; every other one is a key of 32 bytes and
an answer, its numbers byte for byte. A process can be killed at any moment: what it left half
written fails its length or CRC, and is cut off when the file is opened again.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from topo.errors import InputWarning, TopoError
from topo.inference.memory import default_batch_residues
from topo.labels import LABELS, TYPES, protein_type
from topo.protein import Prediction, Protein, shared_fields

try:
    import fcntl
except ImportError:  # there are no such locks on Windows
    fcntl = None  # type: ignore[assignment]

FILE = ".topo-resume"
"""Name of the store in the folder of a run."""

_MAGIC = b"topo predictions 1\n"
_BLOCK = struct.Struct("<QI")  # length and CRC-32 of what follows
_KEY = 32
_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_CONFIDENCE = struct.Struct("<d")


class PredictionStore:
    """Answers by key, in a file; made by :func:`create_store` and :func:`reopen_store`.

    Memory holds the place of each answer (some 200 bytes), never the answers.

    Attributes
    ----------
    path
        The file.
    header
        What made the answers.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], file: int) -> None:
        self.path, self.header = path, header
        self._file = file
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: bytes, prediction: Prediction) -> None:
        """Append an answer; one that is there already stays as it is.

        Raises
        ------
        TopoError
            If the file cannot be written.
        """
        if key not in self._places:
            answer = _pack(prediction)
            start = self._append(key + answer) + _KEY
            self._places[key] = (start, len(answer))

    def get(self, key: bytes, protein: Protein) -> Prediction:
        """Read the answer of a key, as a prediction for this protein.

        Raises
        ------
        KeyError
            If there is none.
        """
        start, size = self._places[key]
        return _unpack(os.pread(self._file, size, start), protein)

    def close(self) -> None:
        """Close the file and keep it, unless it holds no answer."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if not self._places:
                self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Close and delete the file."""
        self._places.clear()
        self.close()

    def _append(self, content: bytes) -> int:
        """Write a block and return where its content starts."""
        start = self._end + _BLOCK.size
        self._write(_BLOCK.pack(len(content), zlib.crc32(content)) + content)
        return start

    def _write(self, data: bytes) -> None:
        """Write behind what is there; what a failure has half written is written over."""
        left = memoryview(data)
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._end += len(data)

    def _scan(self, data_end: int) -> None:
        """Find the whole blocks behind the header and cut off what follows them."""
        while content := _read_block(self._file, self._end, data_end):
            start = self._end + _BLOCK.size + _KEY
            self._places[content[:_KEY]] = (start, len(content) - _KEY)
            self._end += _BLOCK.size + len(content)
        os.ftruncate(self._file, self._end)


def create_store(path: Path, header: Mapping[str, Any]) -> PredictionStore:
    """Begin a store, in place of one that is there.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from None
    store = PredictionStore(path, header, file)
    try:
        _lock(file, path)
        store._write(_MAGIC)
        store._append(json.dumps(header, sort_keys=True).encode())
    except BaseException:
        store.remove()
        raise
    return store


def reopen_store(path: Path) -> PredictionStore | None:
    """Open the store that an unfinished run left.

    Returns
    -------
    PredictionStore or None
        None where there is none, or it ends before the first answer.

    Raises
    ------
    TopoError
        If the file is something else, cannot be read, or its run has not ended.
    """
    try:
        file = os.open(path, os.O_RDWR | _BINARY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TopoError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        _lock(file, path)
        size = os.fstat(file).st_size
        magic = os.pread(file, len(_MAGIC), 0)
        if not _MAGIC.startswith(magic):
            raise TopoError(f"{path}: found {magic[:20]!r}, expected an unfinished run's store")
        content = _read_block(file, len(_MAGIC), size)
        if content is None:
            os.close(file)
            return None
        store = PredictionStore(path, json.loads(content), file)
        store._end = len(_MAGIC) + _BLOCK.size + len(content)
        store._scan(size)
    except (OSError, ValueError) as error:
        os.close(file)
        raise TopoError(f"{path}: cannot be read ({error})") from None
    except TopoError:
        os.close(file)
        raise
    return store


@contextlib.contextmanager
def open_store(
    folder: Path, made_by: Mapping[str, Any], batch_residues: int | None, resume: bool
) -> Iterator[PredictionStore]:
    """Open the store of a run that writes to a folder; it is removed when the block ends well.

    When the block raises, the store is kept for a run that resumes, unless it is empty.

    Parameters
    ----------
    folder
        Where the run writes to; the store is :data:`FILE` in it.
    made_by
        What the answers depend on beside the proteins; plain data.
    batch_residues
        As asked for; None takes that of the run that is resumed, or a default.
    resume
        Whether to go on with a store that is there. Otherwise it is discarded, with a warning.

    Yields
    ------
    PredictionStore
        Its header holds ``made_by``, ``batch_residues`` and ``started``, the time when the run
        was first begun (YYYYMMDDHHMMSS).

    Raises
    ------
    TopoError
        If the store of the unfinished run is of another model or other options, or the file
        cannot be read or written.
    """
    path, made_by = folder / FILE, dict(made_by)
    store = reopen_store(path)
    if store is not None and resume:
        theirs = store.header["made_by"] | {"batch_residues": store.header["batch_residues"]}
        ours = made_by | {"batch_residues": batch_residues or theirs["batch_residues"]}
        if ours != theirs:
            store.close()
            raise TopoError(f"{path}: {_difference(theirs, ours)}; without --resume it begins anew")
    elif store is not None:
        warnings.warn(
            f"{path}: discarded {len(store)} answers of an unfinished run (--resume keeps them)",
            InputWarning,
            stacklevel=1,
        )
        store.close()
        store = None
    elif resume:
        warnings.warn(f"{path}: no unfinished run here, nothing to resume", InputWarning, 1)
    if store is None:
        began = {"started": _now(), "batch_residues": batch_residues or default_batch_residues()}
        store = create_store(path, {"made_by": made_by, **began})
    try:
        yield store
    except BaseException:
        store.close()
        raise
    store.remove()


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    name = next(name for name in ours | theirs if ours.get(name) != theirs.get(name))
    found, expected = (str(side.get(name))[:20] for side in (theirs, ours))
    return f"the unfinished run has {name} {found}, this one {expected}"


def _now() -> str:
    """Return the time, or the one that SOURCE_DATE_EPOCH gives for reproducible files."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    when = time.gmtime(int(epoch)) if epoch.isdecimal() else time.localtime()
    return time.strftime("%Y%m%d%H%M%S", when)


def _read_block(file: int, start: int, end: int) -> bytes | None:
    """Read the content of the block at ``start``; None where it is torn or there is none."""
    head = os.pread(file, _BLOCK.size, start)
    if len(head) < _BLOCK.size:
        return None
    size, checksum = _BLOCK.unpack(head)
    if size > end - start - _BLOCK.size:
        return None
    content = os.pread(file, size, start + _BLOCK.size)
    return content if len(content) == size and zlib.crc32(content) == checksum else None


def _pack(prediction: Prediction) -> bytes:
    """Labels, probabilities, type probabilities and confidence, byte for byte."""
    return b"".join(
        [
            prediction.labels.encode("ascii"),
            np.ascontiguousarray(prediction.probabilities, "<f4").tobytes(),
            np.ascontiguousarray(prediction.type_probabilities, "<f4").tobytes(),
            _CONFIDENCE.pack(prediction.confidence),
        ]
    )


def _unpack(answer: bytes, protein: Protein) -> Prediction:
    size = len(protein)
    numbers = answer[size : -_CONFIDENCE.size]
    values = np.frombuffer(numbers, "<f4").astype(np.float32)
    labels = answer[:size].decode("ascii")
    return Prediction(
        labels=labels,
        type=protein_type(labels),
        probabilities=values[: -len(TYPES)].reshape(size, len(LABELS)),
        type_probabilities=values[-len(TYPES) :],
        confidence=_CONFIDENCE.unpack(answer[-_CONFIDENCE.size :])[0],
        **shared_fields(protein),
    )


def _lock(file: int, path: Path) -> None:
    """Keep other runs off the file until it is closed, or the process ends."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TopoError(f"{path}: another run is writing to this folder") from None


def _unwritable(path: Path, error: OSError) -> TopoError:
    return TopoError(f"{path}: cannot be written ({error.strerror})")
