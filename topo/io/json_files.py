"""Reading of JSON files that hold one object, with checks of the entries that are used."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topo.errors import InputError

_LARGEST = 64_000_000  # bytes
_KINDS: dict[Any, str] = {
    float: "a number",
    int: "a whole number",
    str: "text",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def read_object(
    path: str | os.PathLike[str], kinds: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Parameters
    ----------
    path
        Path to the file.
    kinds
        Types of entries that may be absent: ``float``, ``int``, ``str``, ``bool``, ``dict``
        or ``list``.

    Raises
    ------
    InputError
        If it cannot be read, is too large, is not JSON, holds no object, or an entry has another
        type; the message names the key.
    """
    try:
        if os.stat(path).st_size > _LARGEST:
            raise InputError(path, f"found more than {_LARGEST} bytes")
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(path, f"not JSON ({error.msg})", error.lineno) from None
    except RecursionError:
        raise InputError(path, "nested too deeply") from None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except ValueError:  # not UTF-8, or a number of thousands of digits
        raise InputError(path, "not JSON (not UTF-8 text, or an endless number)") from None
    if not isinstance(content, dict):
        raise InputError(path, f"found a JSON {type(content).__name__}, expected an object")
    for key, kind in (kinds or {}).items():
        if key in content:
            check_entry(path, key, content[key], kind)
    return content


def check_entry(path: str | os.PathLike[str], key: str, value: Any, kind: type) -> None:
    """Raise :class:`InputError` if a value is not of a type; the message names the key."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float:
        fits = number and math.isfinite(value) and abs(value) < 1e15
    elif kind is int:
        fits = number and isinstance(value, int) and abs(value) < 1e15
    else:
        fits = isinstance(value, kind)
    if not fits:
        found = repr(value)
        found = found if len(found) <= 60 else found[:57] + "..."
        raise InputError(path, f"{key}: found {found}, expected {_KINDS[kind]}")
