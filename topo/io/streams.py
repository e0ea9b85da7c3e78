"""Byte streams of input files: compression, encodings, and inputs that can be read only once.

gzip, bzip2 and xz are recognised by content. A pipe or socket is copied to an unnamed temporary
file when it is first opened; every later opening in the process, and the checksum, use the copy.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from topo.errors import InputError

_BLOCK = 1 << 20
_LARGE = 30_000_000
_LARGEST_RATIO = 300
"""Largest expansion of more than 30 MB; text of proteins shrinks two- to tenfold."""

_PACKED: tuple[tuple[bytes, str, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", "gzip", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\x00", "xz", lzma.LZMAFile),
)
_UNREAD = (
    (b"PK\x03\x04", "a zip archive", "unpack it first (unzip)"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", "unpack it first (zstd -d)"),
    (b"\x04\x22\x4d\x18", "lz4-compressed data", "unpack it first (lz4 -d)"),
    (b"\x1f\x9d", "data compressed by compress", "unpack it first (uncompress)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"%PDF-", "a PDF document", "expected a text file"),
    (b"\x89HDF", "an HDF5 file", "expected a text file"),
    (b"\x93NUMPY", "a NumPy array", "expected a text file"),
)


class _Copy(NamedTuple):
    """Copy of an input that can be read only once."""

    file: IO[bytes]
    sha256: str
    origin: object


_copies: dict[object, _Copy] = {}


class _CopyReader(io.RawIOBase):
    """Reader of a copy with its own position."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._at)
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)


class _Unpacked(io.RawIOBase):
    """Reader of compressed data that turns damage into errors and stops at absurd sizes."""

    def __init__(self, name: str, kind: str, stream: Any, packed: Any) -> None:
        self._name, self._kind, self._stream, self._packed = name, kind, stream, packed
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._stream.read(len(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError):
            raise self._damaged() from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged() from None  # bzip2 has no error of its own
        buffer[: len(block)] = block
        self._size += len(block)
        if self._size > _LARGE:
            check_expansion(self._name, self._size, self._taken())
        return len(block)

    def _taken(self) -> int:
        try:
            return self._packed.tell()
        except OSError:  # standard input
            return self._size

    def _damaged(self) -> InputError:
        kind = self._kind
        return InputError(self._name, f"damaged {kind} data, expected a complete {kind} file")


def check_expansion(name: str | os.PathLike[str], size: int, packed: int) -> None:
    """Check that the size of unpacked data is plausible.

    Raises
    ------
    InputError
        If it is above 30 MB and more than 300 times the size of the packed data.
    """
    if size > _LARGE and size > _LARGEST_RATIO * packed:
        found = f"expands more than {_LARGEST_RATIO}-fold, to over {_LARGE:,} bytes"
        raise InputError(name, f"{found}; unpack it first")


def open_bytes(path: str | os.PathLike[str], name: str) -> Any:
    """Open a file, the copy of a pipe, or standard input for ``-``.

    Raises
    ------
    InputError
        If the file is missing, is a folder or cannot be read.
    """
    try:
        if copy := _copy_of(path, name):
            return _CopyReader(copy.file)
        return sys.stdin.buffer if str(path) == "-" else open(path, "rb")
    except FileNotFoundError:
        raise InputError(name, "no such file") from None
    except IsADirectoryError:
        raise InputError(name, "found a folder, expected a file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(name, f"cannot be read ({reason})") from None


def decoded(raw: Any, name: str) -> io.TextIOWrapper:
    """Return the text of a stream of bytes, unpacked.

    Raises
    ------
    InputError
        If the content is of a binary format that is not read; the message says what to do.
    """
    stream = raw if hasattr(raw, "peek") else io.BufferedReader(raw)
    start = stream.peek(6)[:6]
    for magic, kind, unpacker in _PACKED:
        if start.startswith(magic):
            packed = stream
            stream = io.BufferedReader(_Unpacked(name, kind, unpacker(packed), packed), _BLOCK)
            break
    start = stream.peek(512)[:512]
    for magic, kind, _ in _PACKED:  # again, after one was unpacked
        if start.startswith(magic):
            raise InputError(name, f"found {kind} data inside packed data; unpack it once first")
    for magic, found, remedy in _UNREAD:
        if start.startswith(magic):
            raise InputError(name, f"found {found}, which is not read; {remedy}")
    if start[257:262] == b"ustar":
        raise InputError(name, "found a tar archive, which is not read; unpack it first (tar -x)")
    if 0x80 <= start[:1].ljust(1)[0] <= 0x8F and b"encoder" in start:
        raise InputError(name, "found BinaryCIF, which is not read; expected mmCIF or PDB")
    return io.TextIOWrapper(stream, encoding=_encoding(start), errors="replace")


def _encoding(start: bytes) -> str:
    """Return the encoding by the byte-order mark, or the zeros of UTF-16 without one."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) >= 4 and start[0] and start[2] and not start[1] and not start[3]:
        return "utf-16-le"
    if len(start) >= 4 and start[1] and start[3] and not start[0] and not start[2]:
        return "utf-16-be"
    return "utf-8-sig"


def keep_standard_input() -> None:
    """Copy standard input, so that ``-`` can be opened several times.

    Raises
    ------
    InputError
        If there is no space for the copy.
    """
    _keep("-", sys.stdin.buffer, "standard input", sys.stdin)


def is_kept(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a copy of an input."""
    return _copy_of(path, str(path)) is not None


def copied_sha256(path: str | os.PathLike[str]) -> str | None:
    """Return the SHA-256 of an input that can be read only once; None for other files.

    Raises
    ------
    InputError
        If the input cannot be read.
    """
    try:
        copy = _copy_of(path, str(path))
    except OSError:
        return None
    return copy.sha256 if copy else None


def kept_sha256(path: str | os.PathLike[str]) -> str | None:
    """Return the SHA-256 of the copy of an input; None if there is no copy. Reads nothing."""
    try:
        copy = _copy_of(path, str(path)) if str(path) == "-" else _copies.get(_key(path))
    except OSError:
        return None
    return copy.sha256 if copy else None


def _key(path: str | os.PathLike[str]) -> tuple[str, int, int]:
    state = os.stat(path)
    return os.fspath(path), state.st_dev, state.st_ino


def _copy_of(path: str | os.PathLike[str], name: str) -> _Copy | None:
    """Return the copy of an input that can be read only once, made at the first call."""
    if str(path) == "-":
        copy = _copies.get("-")
        return copy if copy and copy.origin is sys.stdin else None
    state = os.stat(path)
    if not (stat.S_ISFIFO(state.st_mode) or stat.S_ISSOCK(state.st_mode)):
        return None
    key = _key(path)
    if key not in _copies:
        with open(path, "rb") as source:
            _keep(key, source, name)
    return _copies[key]


def _keep(key: object, source: Any, name: str, origin: object = None) -> None:
    digest = hashlib.sha256()
    try:
        file = tempfile.TemporaryFile(prefix="topo-")  # noqa: SIM115
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
    except OSError as error:
        reason = f"cannot be copied to {tempfile.gettempdir()} ({error.strerror})"
        raise InputError(name, reason) from None
    _copies[key] = _Copy(file, digest.hexdigest(), origin)
