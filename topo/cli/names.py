"""Lists of names in one option, separated by commas."""

from __future__ import annotations


def split_names(text: str) -> list[str]:
    """Split ``a,b``, with or without spaces."""
    return [name.strip() for name in text.split(",")]
