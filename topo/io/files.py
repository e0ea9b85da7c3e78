"""Input files (plain, gzip, standard input) and atomic output files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from topo.errors import InputError, TopoError

_GZIP_MAGIC = b"\x1f\x8b"


def source_name(path: str | os.PathLike[str]) -> str:
    """Return the name of an input in messages: the path, or ``standard input`` for ``-``."""
    return "standard input" if str(path) == "-" else str(path)


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file for reading; gzip is recognised by content, ``-`` is standard input.

    Line ends of all kinds become LF and a byte-order mark is dropped. Bytes that are not UTF-8
    become U+FFFD, so that the parser can report their line.

    Raises
    ------
    InputError
        If the file is missing, is a folder, cannot be read, or is damaged gzip; raised also
        when the damage shows only while reading.
    """
    name = source_name(path)
    try:
        raw: Any = sys.stdin.buffer if str(path) == "-" else open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise InputError(name, "no such file") from None
    except IsADirectoryError:
        raise InputError(name, "found a folder, expected a file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(name, f"cannot be read ({reason})") from None
    try:
        buffered = io.BufferedReader(raw) if not hasattr(raw, "peek") else raw
        zipped = buffered.peek(2)[:2] == _GZIP_MAGIC
        stream = gzip.GzipFile(fileobj=buffered) if zipped else buffered
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace")
        try:
            yield text
        finally:
            text.detach()  # otherwise garbage collection closes standard input
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(name, "damaged gzip data, expected a complete gzip file") from None
    except IsADirectoryError:
        raise InputError(name, "found a folder, expected a file") from None
    finally:
        if raw is not getattr(sys.stdin, "buffer", None):
            raw.close()


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block ends without an error.

    When the block raises, the temporary file is removed and ``path`` is unchanged.

    Raises
    ------
    TopoError
        If the folder cannot be written or the disk is full.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name[:64]}.", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise TopoError(f"{target}: cannot be written ({error.strerror})") from None
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except OSError as error:
        if error.filename not in (None, name, str(target)):
            raise
        raise TopoError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a UTF-8 text file with LF line ends for writing; see :func:`atomic_path`.

    Lone surrogates, which UTF-8 cannot hold (JSON can), become question marks.
    A path that ends in ``.gz`` is compressed without a time stamp, so equal contents make equal
    files.
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as raw:
        zipped = Path(path).suffix == ".gz"
        stream = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if zipped else raw
        with io.TextIOWrapper(stream, "utf-8", "replace", "\n") as text:
            yield text


@contextmanager
def output_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open an output: standard output for ``-``, else as :func:`atomic_text`."""
    if str(path) == "-":
        yield sys.stdout
        sys.stdout.flush()
    else:
        with atomic_text(path) as stream:
            yield stream


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def checksum(path: str | os.PathLike[str]) -> str | None:
    """Return the SHA-256 of a regular file; None for what can be read only once, like a pipe.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        return None
    return None if str(path) == "-" else sha256(path)
