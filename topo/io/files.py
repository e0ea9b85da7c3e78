"""Input files (plain, compressed, standard input) and atomic output files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from topo.errors import InputError, TopoError
from topo.io.streams import copied_sha256, decoded, is_kept, kept_sha256, open_bytes

_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}(\.\w+)?")
"""Name of a temporary file of :func:`atomic_path`."""

_umask_lock = threading.Lock()


def source_name(path: str | os.PathLike[str]) -> str:
    """Return the name of an input in messages: the path, or ``standard input`` for ``-``."""
    return "standard input" if str(path) == "-" else str(path)


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file for reading; ``-`` is standard input.

    gzip, bzip2, xz and UTF-16 are recognised by content, see :mod:`topo.io.streams`. Line ends of
    all kinds become LF and a byte-order mark is dropped. Bytes that are not UTF-8 become U+FFFD, so
    that the parser can report their line.

    Raises
    ------
    InputError
        If the file is missing, is a folder, cannot be read, is damaged or is of a binary format;
        raised also when the damage shows only while reading.
    """
    name = source_name(path)
    raw = open_bytes(path, name)
    try:
        text = decoded(raw, name)
        try:
            yield text
        finally:
            text.detach()  # otherwise garbage collection closes standard input
    except IsADirectoryError:
        raise InputError(name, "found a folder, expected a file") from None
    finally:
        if raw is not getattr(sys.stdin, "buffer", None):
            raw.close()


def can_reopen(path: str | os.PathLike[str]) -> bool:
    """Return whether a path can be opened several times; a missing file or a folder cannot."""
    if str(path) == "-":
        return is_kept(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISDIR(mode)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block ends without an error.

    When the block raises, the temporary file is removed and ``path`` is unchanged. A link stays,
    and the file that it points to is replaced. What exists and is no regular file, such as a pipe
    or ``/dev/null``, is not replaced: the content is written into it at the end.

    Raises
    ------
    TopoError
        If the folder cannot be written or the disk is full.
    """
    special = is_special(path)
    target = Path(path) if special else Path(os.path.realpath(path))
    folder = Path(tempfile.gettempdir()) if special else target.parent
    where = str(folder if special else path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name[:64]}.", suffix=target.suffix, dir=folder
        )
        os.close(handle)
    except OSError as error:
        raise TopoError(f"{where}: cannot be written ({error.strerror})") from None
    temporary = Path(name)
    try:
        yield temporary
        where = str(path)
        if special:
            _write_into(target, temporary)
        else:
            temporary.chmod(default_mode(0o666))
            temporary.replace(target)
    except OSError as error:
        if error.filename not in (None, name, str(target)):
            raise
        raise TopoError(f"{where}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_text() -> Iterator[TextIO]:
    """Open an ASCII text file in TMPDIR that has no name and is gone when the block ends.

    Raises
    ------
    TopoError
        If TMPDIR cannot be written or is full.
    """
    try:
        with tempfile.TemporaryFile("w+", encoding="ascii") as file:
            yield file
    except OSError as error:
        if error.filename is not None:
            raise
        folder = tempfile.gettempdir()
        raise TopoError(f"{folder}: cannot be written ({error.strerror})") from None


def default_mode(mode: int) -> int:
    """Return the mode of a new file or folder (0o666 or 0o777) under the umask."""
    with _umask_lock:  # it can be read only by setting it, for all threads of the process
        umask = os.umask(0o077)
        os.umask(umask)
    return mode & ~umask


def is_special(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is one to write into: a device, a pipe, or an open descriptor."""
    if os.path.abspath(path).startswith(("/dev/fd/", "/dev/std", "/proc/")):
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def put(source: Path, target: str | os.PathLike[str]) -> None:
    """Make a finished file the content of a path; a link, a device or a pipe stays what it is."""
    if is_special(target):
        _write_into(Path(target), source)
        source.unlink()
    else:
        source.replace(os.path.realpath(target))


def beside(path: str | os.PathLike[str], ending: str) -> Path | None:
    """Return the path of a table beside an output; None beside standard output or a device."""
    return None if str(path) == "-" or is_special(path) else Path(f"{path}{ending}")


def _write_into(target: Path, source: Path) -> None:
    """Write the content of a file into what exists, without truncating it."""
    handle = os.open(target, os.O_WRONLY | os.O_APPEND)
    with open(source, "rb") as content, open(handle, "wb") as out:
        shutil.copyfileobj(content, out)


def remove_temporary(
    folder: Path, names: Container[str], pattern: re.Pattern[str] | None = None
) -> None:
    """Remove temporary files that a killed process has left in a folder.

    Parameters
    ----------
    folder
        Path to the folder; may be missing.
    names, pattern
        Names of the files whose temporary files are removed, and a pattern of further names.
    """
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        found = _TEMPORARY.fullmatch(file.name)
        if found and (found[1] in names or (pattern and pattern.fullmatch(found[1]))):
            file.unlink(missing_ok=True)


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
    """Open an output: standard output for ``-``, else as :func:`atomic_text`.

    Standard output is UTF-8 with LF line ends like the files, whatever the locale.

    Raises
    ------
    TopoError
        If the output cannot be written, for example because the disk is full.
    """
    if str(path) == "-":
        try:
            yield from _standard_output()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise TopoError(f"standard output: cannot be written ({error.strerror})") from None
    else:
        with atomic_text(path) as stream:
            yield stream


def _standard_output() -> Iterator[TextIO]:
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:  # a replacement that holds text
        yield sys.stdout
        return
    sys.stdout.flush()
    text = io.TextIOWrapper(raw, "utf-8", "replace", "\n")
    try:
        yield text
        text.flush()
    finally:
        text.detach()  # otherwise garbage collection closes standard output
    raw.flush()


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, hexadecimal; of a pipe that of what was read from it.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if known := copied_sha256(path):
        return known
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def checksum(path: str | os.PathLike[str]) -> str | None:
    """Return the SHA-256 of a file or of what was read of a pipe; None where that is not kept.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    regular = str(path) != "-" and (os.path.isfile(path) or not os.path.exists(path))
    return sha256(path) if regular else kept_sha256(path)
