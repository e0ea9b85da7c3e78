"""HDF5 files that may be broken or hostile: data sets and attributes with checks."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from os import PathLike
from typing import Any

from topo.errors import InputError
from topo.io.extras import import_extra
from topo.io.streams import check_expansion

DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError)
"""Errors of h5py for damaged files."""

_MOST_LINKS = 16


def dataset(file: Any, key: str, path: str | PathLike[str], name: str = "") -> Any:
    """Return a data set of an HDF5 file whose values lie in the file itself.

    Parameters
    ----------
    file
        Open file.
    key
        Key of the data set.
    path
        Path to the file, for messages.
    name
        Name of the data set in messages, by default the key.

    Raises
    ------
    InputError
        If there is none, it is damaged or of an absurd size, or it refers to another file.
    """
    name = name or key
    if not is_inside(file, key):
        raise InputError(
            path, f"{name}: found a link to another file or to itself, expected a data set"
        )
    try:
        entry = file[key]
        if not hasattr(entry, "dtype"):
            raise InputError(path, f"{name}: found a group, expected a data set")
        if entry.external or entry.is_virtual:
            raise InputError(path, f"{name}: found values in another file, expected a data set")
        if entry.shape is not None:
            size = math.prod(entry.shape) * entry.dtype.itemsize
            check_expansion(path, size, entry.id.get_storage_size())
    except DAMAGE as error:
        raise InputError(path, f"{name}: cannot be read ({reason_of(error)})") from None
    return entry


def attribute(entry: Any, name: str) -> str | None:
    """Return an attribute of a file or data set as text, or None.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        value = entry.attrs.get(name)
    except DAMAGE as error:
        reason = f"attribute {name}: cannot be read ({reason_of(error)})"
        raise InputError(entry.file.filename, reason) from None
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)


def is_inside(file: Any, key: str, links: int = 0) -> bool:
    """Return whether a key leads to nothing outside the file; no other file is opened.

    Parameters
    ----------
    file
        Open file.
    key
        Path of an object; may be missing.
    links
        Number of links within the file that led to it.
    """
    from h5py import ExternalLink, SoftLink  # pyright: ignore[reportMissingImports] - of an extra

    place = ""
    for part in key.split("/"):
        above, place = place, f"{place}/{part}" if part else place
        try:
            link = file.get(place or "/", getlink=True) if part else None
        except DAMAGE:
            return True  # reading it says why
        if isinstance(link, ExternalLink) or links > _MOST_LINKS:
            return False
        if isinstance(link, SoftLink):
            target = link.path if link.path.startswith("/") else f"{above}/{link.path}"
            if not is_inside(file, target, links + 1):
                return False
    return True


def open_file(path: str | PathLike[str]) -> Any:
    """Open an HDF5 file for reading.

    Raises
    ------
    TopoError
        If h5py is not installed.
    InputError
        If it is no HDF5 file, no regular file, or damaged.
    """
    h5py = import_h5py()
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            raise InputError(
                path, "found a pipe, expected an HDF5 file, which is read in any order"
            )
        return h5py.File(path, "r")
    except DAMAGE as error:
        raise InputError(path, f"expected an HDF5 file ({reason_of(error)})") from None


def keys(file: Any, path: str | PathLike[str]) -> Iterator[str]:
    """Yield the keys of an HDF5 file.

    Raises
    ------
    InputError
        If the file is damaged, or a key is not UTF-8.
    """
    try:
        for key in file:
            if not isinstance(key, str):
                raise InputError(path, f"found the key {key!r}, expected UTF-8 text")
            yield key
    except DAMAGE as error:
        raise InputError(path, f"damaged HDF5 file ({reason_of(error)})") from None


def import_h5py() -> Any:
    """Import h5py.

    Raises
    ------
    TopoError
        If it is not installed.
    """
    return import_extra("h5py", "features in HDF5 files need the package h5py", "features")


def reason_of(error: BaseException) -> str:
    """Return the reason of an error of h5py, e.g. ``truncated file``."""
    text = " ".join(str(error).split())
    inside = re.search(r"\((.*)\)", text)
    return (inside[1] if inside else text).strip("'\"")
