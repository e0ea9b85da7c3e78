"""Encoding of ids in file formats and file names.

Readers of plain text formats split at spaces and tabs or skip a leading ``#``, and spreadsheets run
a cell that begins with ``=``, ``+``, ``-`` or ``@``. So white space, unprintable characters, one of
``# > / = + - @`` at the start, and a ``%`` that looks like an escape become ``%`` and two
hexadecimal digits per UTF-8 byte. Different ids stay different. All other characters, ``|`` and
non-ASCII letters included, are unchanged. GFF3 has a stricter rule, which readers undo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from urllib.parse import quote, unquote

from topo.io.files import atomic_text

_ESCAPE_LIKE = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_GFF3_SAFE = "!$*+.:?@^_|-"  # in addition to letters and digits, by the GFF3 specification
_FORMULA_START = ("=", "+", "-", "@")
_UNSAFE_START = ("#", ">", "/", *_FORMULA_START)
_EMPTY = "unnamed"
_TABLE_HEADER = "id\twritten_as\n"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def plain_id(identifier: str) -> str:
    """Encode an id for a plain text format (see the module docstring).

    An empty id becomes ``unnamed``.
    """
    if identifier.isalnum():  # true of most ids, and fast
        return identifier
    text = _ESCAPE_LIKE.sub("%25", identifier)
    if text[:1] in _UNSAFE_START:
        text = _percent(text[0]) + text[1:]
    if " " in text or not text.isprintable():
        text = "".join(c if c != " " and c.isprintable() else _percent(c) for c in text)
    return text or _EMPTY


def gff3_id(identifier: str) -> str:
    """Percent-encode an id for column 1 or an attribute value of a GFF3 file."""
    if identifier.isascii() and identifier.isalnum():
        return identifier
    return quote(identifier or _EMPTY, safe=_GFF3_SAFE, errors="surrogatepass")


def from_gff3(text: str) -> str:
    """Decode an id encoded by :func:`gff3_id`."""
    return unquote(text, errors="replace") if "%" in text else text


class UniqueNames:
    """Names that are counted on where they repeat: ``dup``, ``dup-2``, ``dup-3``.

    A name that is free is never changed, and a number that makes a name that is taken is skipped.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def name(self, wish: str) -> str:
        """Return the wish, or the wish and the first number that makes it unique."""
        name, count = wish, self._counts.get(wish, 1)
        while name in self._counts:
            count += 1
            name = f"{wish}-{count}"
        self._counts[wish] = count
        self._counts.setdefault(name, 1)
        return name


class FileNames:
    """File names for ids: safe on every file system and unique.

    Characters other than ``A-Z a-z 0-9 . _ + -`` become ``_``, the name is cut at 120 characters, a
    leading dot becomes ``_``, and a name that is already taken (case is ignored) gets ``-2``,
    ``-3`` and so on.

    Parameters
    ----------
    keep
        Further characters that are kept.
    """

    def __init__(self, keep: str = "") -> None:
        self._unsafe = re.compile(f"[^A-Za-z0-9._+{re.escape(keep)}-]")
        self._taken: dict[str, int] = {}

    def name(self, identifier: str) -> str:
        """Return a file name, without a suffix, for the next protein of this id."""
        wish = self._unsafe.sub("_", identifier)[:120] or _EMPTY
        if wish.startswith("."):
            wish = "_" + wish[1:]
        name, count = wish, self._taken.get(wish.lower(), 0)
        while name.lower() in self._taken:
            count += 1
            name = f"{wish}-{count + 1}"
        self._taken[wish.lower()] = count
        self._taken.setdefault(name.lower(), 0)
        return name


def write_ids(path: Path, names: Sequence[tuple[str, str]]) -> None:
    """Write a table of ids and their encoded forms; remove the file if there are none.

    Parameters
    ----------
    path
        Path to the table, e.g. ``ids.tsv``.
    names
        Pairs of original id and encoded form.
    """
    if not names:
        path.unlink(missing_ok=True)
        return
    with atomic_text(path) as stream:
        stream.write(_TABLE_HEADER)
        for original, written in names:
            stream.write(f"{table_cell(original)}\t{written}\n")


def renamed_message(target: str | PathLike[str], names: Sequence[tuple[str, str]]) -> str:
    """Return one line about the ids that are encoded in an output, ``-`` for standard output."""
    original, written = names[0]
    return f"{target}: {len(names)} ids are spelled otherwise, e.g. {original!r} as {written}"


def table_cell(text: str) -> str:
    r"""Escape a text of a file for a table: line ends, control characters, and formulas.

    Examples
    --------
    >>> table_cell("=cmd\t1")
    '\\x3dcmd\\t1'
    """
    if text.startswith(_FORMULA_START):
        return f"\\x{ord(text[0]):02x}{table_cell(text[1:])}"
    return text if text.isprintable() else text.encode("unicode_escape").decode()
