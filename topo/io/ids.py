"""How ids are spelled in files whose readers cut at spaces, tabs or a leading ``#``.

One rule holds for all plain text formats: white space and unprintable characters, a leading
``#``, ``>`` or ``/``, and a ``%`` that would look like an escape become ``%`` and two hexadecimal
digits for each UTF-8 byte. Different ids stay different. Everything else, ``|`` and letters
outside ASCII included, stays as it is. GFF3 has a stricter rule of its own, which readers undo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from topo.io.files import atomic_text

_ESCAPE_LIKE = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_GFF3_SAFE = "!$*+.:?@^_|-"  # beside letters and digits; the list of the GFF3 specification
_EMPTY = "unnamed"
_TABLE_HEADER = "id\twritten_as\n"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def plain_id(identifier: str) -> str:
    """Spell an id for a plain text format (see the head of this module).

    An empty id becomes ``unnamed``.
    """
    if identifier.isalnum():  # most ids, and the cheapest test
        return identifier
    text = _ESCAPE_LIKE.sub("%25", identifier)
    if text[:1] in ("#", ">", "/"):
        text = _percent(text[0]) + text[1:]
    if " " in text or not text.isprintable():
        text = "".join(c if c != " " and c.isprintable() else _percent(c) for c in text)
    return text or _EMPTY


def gff3_id(identifier: str) -> str:
    """Spell an id for column 1 or an attribute value of a GFF3 file: percent-encoded."""
    if identifier.isascii() and identifier.isalnum():
        return identifier
    return quote(identifier or _EMPTY, safe=_GFF3_SAFE, errors="surrogatepass")


def from_gff3(text: str) -> str:
    """Undo :func:`gff3_id`."""
    return unquote(text, errors="replace") if "%" in text else text


class FileNames:
    """Hands out one file name an id: safe on every file system, never the same twice.

    Characters other than ``A-Z a-z 0-9 . _ + -`` become ``_``, the name is cut at 120 characters,
    a leading dot becomes ``_``, and a name that was given before (upper and lower case count as
    the same) gets ``-2``, ``-3`` and so on.

    Parameters
    ----------
    keep
        Further characters that stay as they are.
    """

    def __init__(self, keep: str = "") -> None:
        self._unsafe = re.compile(f"[^A-Za-z0-9._+{re.escape(keep)}-]")
        self._given: dict[str, int] = {}

    def name(self, identifier: str) -> str:
        """Return a file name, without a suffix, for the next protein of this id."""
        wish = self._unsafe.sub("_", identifier)[:120] or _EMPTY
        if wish.startswith("."):
            wish = "_" + wish[1:]
        name, count = wish, self._given.get(wish.lower(), 0)
        while name.lower() in self._given:
            count += 1
            name = f"{wish}-{count + 1}"
        self._given[wish.lower()] = count
        self._given.setdefault(name.lower(), 0)
        return name


def write_ids(path: Path, names: Sequence[tuple[str, str]]) -> None:
    """Write a table of ids and their spellings; without any, remove the file.

    Parameters
    ----------
    path
        Path to the table, e.g. ``ids.tsv``.
    names
        Pairs of original id and spelling.
    """
    if not names:
        path.unlink(missing_ok=True)
        return
    with atomic_text(path) as stream:
        stream.write(_TABLE_HEADER)
        for original, written in names:
            stream.write(f"{_one_line(original)}\t{written}\n")


def _one_line(text: str) -> str:
    """Escape what would break the table; printable ids stay as they are."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
