"""File of computed predictions, from which an interrupted run of ``topo predict`` resumes.

The file is append-only: a magic line, then blocks of length, CRC-32 and content. The first block is
the header, a JSON object that describes how the predictions were computed. Every other block is a
key of 32 bytes and a prediction in binary form. If a process is killed while it writes, the last
block fails the check of its length or CRC, and is cut off when the file is opened again.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from topo.errors import TopoError
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Alternatives, Prediction, Protein, Topology, shared_fields

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

_MAGIC = b"topo predictions 1\n"
_BLOCK = struct.Struct("<QI")  # length and CRC-32 of what follows
_KEY = 32
_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_CONFIDENCE = struct.Struct("<d")
_STARTED = re.compile(r"[0-9]{14}")


class PredictionStore:
    """Predictions by key in a file, opened by :func:`create_store` or :func:`reopen_store`.

    Memory holds the position of each prediction in the file (about 200 bytes), not the prediction.

    Parameters
    ----------
    path
        Path to the file.
    header
        Description of how the predictions were computed.
    file
        Descriptor of the open file.

    Attributes
    ----------
    scheme
        Label scheme of the predictions.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], file: int) -> None:
        self.path, self.header = path, header
        self._file = file
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0
        self.scheme = SIX

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: bytes, prediction: Prediction) -> None:
        """Append a prediction, unless the key is stored already.

        Raises
        ------
        TopoError
            If the file cannot be written.
        """
        if key not in self._places:
            packed = _pack(prediction)
            start = self._append(key + packed) + _KEY
            self._places[key] = (start, len(packed))

    def get(self, key: bytes, protein: Protein) -> Prediction:
        """Read a prediction and return it with id, sequence and metadata of a protein.

        Raises
        ------
        KeyError
            If the key is not stored.
        TopoError
            If what is stored is no prediction of the protein.
        """
        start, size = self._places[key]
        try:
            return _unpack(os.pread(self._file, size, start), protein, self.scheme)
        except ValueError as error:
            raise TopoError(
                f"{self.path}: the prediction of {protein.id} is damaged ({error}); without "
                "--resume the run starts from the beginning"
            ) from None

    def close(self) -> None:
        """Close the file, and delete it if it holds no prediction."""
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
        """Write a block and return the offset of its content."""
        start = self._end + _BLOCK.size
        self._write(_BLOCK.pack(len(content), zlib.crc32(content)) + content)
        return start

    def _write(self, data: bytes) -> None:
        """Write after the last whole block, over what a failed write has left."""
        left = memoryview(data)
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._end += len(data)

    def _scan(self, data_end: int) -> None:
        """Index the whole blocks after the header and truncate the file after them."""
        while content := _read_block(self._file, self._end, data_end):
            start = self._end + _BLOCK.size + _KEY
            self._places[content[:_KEY]] = (start, len(content) - _KEY)
            self._end += _BLOCK.size + len(content)
        os.ftruncate(self._file, self._end)


def create_store(path: Path, header: Mapping[str, Any]) -> PredictionStore:
    """Create a store, in place of an existing one.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
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
    """Open the store of an unfinished run.

    Returns
    -------
    PredictionStore or None
        None if there is no file, or it ends within the header.

    Raises
    ------
    TopoError
        If the file is not a store, cannot be read, or another process has it open.
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
        store = PredictionStore(path, _header(path, content), file)
        store._end = len(_MAGIC) + _BLOCK.size + len(content)
        store._scan(size)
    except (OSError, ValueError, RecursionError) as error:
        os.close(file)
        raise TopoError(f"{path}: cannot be read ({error})") from None
    except TopoError:
        os.close(file)
        raise
    return store


def _header(path: Path, content: bytes) -> dict[str, Any]:
    header = json.loads(content)
    fits = isinstance(header, dict) and isinstance(header.get("made_by"), dict)
    if not fits or not _STARTED.fullmatch(str(header.get("started"))):
        raise TopoError(f"{path}: found another header, expected that of an unfinished run")
    residues = header.get("batch_residues")
    if not isinstance(residues, int) or isinstance(residues, bool) or not 0 < residues < 2**40:
        raise TopoError(f"{path}: batch_residues: found {residues!r}, expected a number above 0")
    return header


def _read_block(file: int, start: int, end: int) -> bytes | None:
    """Read the content of the block at ``start``; None if it is incomplete or absent."""
    head = os.pread(file, _BLOCK.size, start)
    if len(head) < _BLOCK.size:
        return None
    size, checksum = _BLOCK.unpack(head)
    if size > end - start - _BLOCK.size:
        return None
    content = os.pread(file, size, start + _BLOCK.size)
    return content if len(content) == size and zlib.crc32(content) == checksum else None


def _pack(prediction: Prediction) -> bytes:
    """Encode labels, probabilities, type probabilities and confidence as bytes."""
    return b"".join(
        [
            prediction.labels.encode("ascii"),
            np.ascontiguousarray(prediction.probabilities, "<f4").tobytes(),
            np.ascontiguousarray(_six(prediction), "<f4").tobytes(),
            np.ascontiguousarray(prediction.type_probabilities, "<f4").tobytes(),
            _CONFIDENCE.pack(prediction.confidence),
            _pack_rest(prediction),
        ]
    )


def _six(prediction: Prediction) -> np.ndarray:
    """Probabilities of the six labels where there are others, of no label otherwise."""
    found = prediction.six_probabilities
    return np.empty((len(prediction), 0)) if found is None else found


def _pack_rest(prediction: Prediction) -> bytes:
    """Encode what only some runs compute as JSON; nothing where there is nothing."""
    if prediction.constraint_log_probability is None and prediction.alternatives is None:
        return b""
    rest = (prediction.constraint_log_probability, prediction.alternatives)
    return json.dumps(rest).encode()


def _unpack_rest(packed: bytes) -> dict[str, Any]:
    """Return the fields of a prediction that :func:`_pack_rest` encoded."""
    if not packed:
        return {}
    try:
        log_probability, found = json.loads(packed)
        if found is not None:
            topologies, unlisted, flipped, segments, n_inside = found
            listed = tuple(Topology(*one) for one in topologies)
            found = Alternatives(listed, unlisted, flipped, tuple(segments), n_inside)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return {"constraint_log_probability": log_probability, "alternatives": found}


def _unpack(packed: bytes, protein: Protein, scheme: LabelScheme) -> Prediction:
    size, letters, types = len(protein), len(scheme.letters), len(scheme.types)
    six = len(SIX.letters) if scheme is not SIX and scheme.is_mapped else 0
    end = size + 4 * (size * (letters + six) + types)
    rest = end + _CONFIDENCE.size
    if len(packed) < rest:
        raise ValueError(f"found {len(packed)} bytes, expected at least {rest}")
    values = np.frombuffer(packed[size:end], "<f4").astype(np.float32)
    labels = packed[:size].decode("ascii")
    confidence = _CONFIDENCE.unpack_from(packed, end)[0]
    if not np.isfinite(values).all() or not math.isfinite(confidence):
        raise ValueError("found a number that is not finite")
    if not {*labels} <= {*scheme.letters}:
        raise ValueError("found letters that are no labels")
    return Prediction(
        labels=labels,
        type=scheme.type_of(labels),
        probabilities=values[: size * letters].reshape(size, letters),
        type_probabilities=values[-types:],
        confidence=confidence,
        scheme=scheme,
        six_probabilities=values[size * letters : -types].reshape(size, six) if six else None,
        **_unpack_rest(packed[rest:]),
        **shared_fields(protein),
    )


def _lock(file: int, path: Path) -> None:
    """Lock the file against other runs until it is closed or the process ends."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):  # some file systems have no locks
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TopoError(f"{path}: another run is writing to this folder") from None


def _unwritable(path: Path, error: OSError) -> TopoError:
    return TopoError(f"{path}: cannot be written ({error.strerror})")
