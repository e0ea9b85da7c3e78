"""Escaping of names in Markdown files."""

from __future__ import annotations

import re
from html import escape

from topo.errors import printable

_ACTIVE = re.compile(r"([\\`\[\]!|])")


def plain_markdown(text: str) -> str:
    """Escape a text so that a page shows it as it is: no HTML, link, picture, code or cell."""
    return _ACTIVE.sub(r"\\\1", escape(printable(text), quote=False))


def code_markdown(text: str) -> str:
    """Return a text as code, in which Markdown knows no HTML; backticks become apostrophes."""
    return f"`{printable(text).replace('`', chr(39))}`"
