"""Compilation of kernels by numba, with a cache of the compiled code.

numba's own cache needs a folder beside the sources or in the home folder and raises where neither
can be written; its index holds pickled types, which cannot be read after an upgrade that renames
them. Here each compiled function is one file, in the first of these folders that can be used:

1. ``NUMBA_CACHE_DIR``, if set
2. ``kernels`` in the user's cache folder (:func:`topo.caches.folders.user_folder`)
3. ``kernels`` in a private folder in TMPDIR

Without any of them the kernels are compiled in each process. A folder below these belongs to one
version of the package, its kernels' sources, numba and Python. A file begins with the SHA-256 of
the rest; it is read only if the checksum is right and, outside ``NUMBA_CACHE_DIR``, only if no
other user but root can have written it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import numba
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from topo._version import __version__
from topo.caches.folders import is_trusted, is_writable, private_folder, user_folder

_SOURCES = ("caches/kernels.py", "labels.py", "crf/*.py", "grammar/*.py")
_DIGEST = hashlib.sha256().digest_size

KERNELS: list[Any] = []
"""The compiled functions of the modules that are loaded."""


class CacheFolder(NamedTuple):
    """Folder of the compiled code, and whether files of any owner in it are read."""

    path: Path
    chosen: bool


def njit(*, cache: bool = True, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function as :func:`numba.njit` does, with the cache of this module."""

    def compiled(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**options)(function)
        if hasattr(kernel, "_cache"):  # not with NUMBA_DISABLE_JIT
            if cache:
                kernel._cache = KernelCache(function)  # pyright: ignore[reportAttributeAccessIssue]
            KERNELS.append(kernel)
        return kernel

    return compiled


@cache
def kernel_folder() -> CacheFolder | None:
    """Return the folder of the compiled code; None if no folder can be used."""
    if base := os.environ.get("NUMBA_CACHE_DIR"):
        path = Path(base) / _version_key()
        if is_writable(path) or path.is_dir():  # a prepared one may be read-only
            return CacheFolder(path, True)
    for parent in (user_folder, private_folder):  # the second is made only where it is needed
        if (folder := parent()) is not None:
            path = folder / "kernels" / _version_key()
            if is_writable(path) and is_trusted(path.stat()):
                return CacheFolder(path, False)
    return None


@cache
def _version_key() -> str:
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, sys.version)
    digest.update(repr(versions).encode())
    return f"topo-{__version__}-{digest.hexdigest()[:16]}"


class KernelCache(_Cache):
    """Cache of the compiled code of one function; a file that cannot be used is ignored.

    Parameters
    ----------
    function
        Function before compilation.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Path to the folder of the files."""
        folder = kernel_folder()
        return str(folder.path) if folder else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for the types of the arguments, or None."""
        folder = kernel_folder()
        if not self._enabled or folder is None:
            return None
        target_context.refresh()
        path = folder.path / self._name(sig, target_context.codegen())
        try:
            payload = _read(path, folder.chosen)
            return payload and CompileResult._rebuild(target_context, *pickle.loads(payload))
        except Exception:  # whatever the file holds, it can be compiled again
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled code, if the folder can still be written."""
        folder = kernel_folder()
        if not self._enabled or folder is None or any(not x.can_cache for x in data.lifted):
            return
        if data.library.has_dynamic_globals:
            return
        payload = dumps(data._reduce())
        try:
            _write(folder.path / self._name(sig, data.codegen), payload)
        except OSError:  # a full disk or a folder that is read-only
            return

    def enable(self) -> None:
        """Read and write files."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write files."""
        self._enabled = False

    def flush(self) -> None:
        """Do nothing: files of other sources lie in other folders."""

    def _name(self, sig: Any, codegen: Any) -> str:
        code = self._function.__code__
        key = (sig, codegen.magic_tuple(), code.co_firstlineno)
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        return f"{self._function.__module__}.{self._function.__name__}-{digest}.kernel"


def _read(path: Path, any_owner: bool) -> bytes | None:
    try:
        with open(path, "rb") as file:
            if not any_owner and not is_trusted(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    digest, payload = content[:_DIGEST], content[_DIGEST:]
    return payload if hashlib.sha256(payload).digest() == digest else None


def _write(path: Path, payload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(hashlib.sha256(payload).digest() + payload)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o644 & ~umask)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
