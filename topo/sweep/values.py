"""Numbers of a sweep file, also where YAML or a person wrote them as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from topo.errors import ConfigError

_LARGEST = 2**53  # larger whole numbers have no exact float


def number(value: Any) -> float | None:
    """Return a finite number, read from text where needed; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        found = value if isinstance(value, (int, float)) else _parse(value)
        return found if abs(found) < (_LARGEST if isinstance(found, int) else 1e300) else None
    except ValueError:
        return None


def whole(key: str, value: Any, most: float = math.inf) -> int:
    """Return a whole number of at least 1.

    Raises
    ------
    ConfigError
        If it is none; the message names the key and the value.
    """
    found = number(value)
    if found is None or found != int(found) or not 1 <= found <= most:
        limit = "at least 1" if most == math.inf else f"1 to {most}"
        raise ConfigError(f"{key}: found {value!r}, expected a whole number, {limit}")
    return int(found)


def choice(key: str, value: Any) -> Any:
    """Return a value of a parameter: a number or a word.

    Raises
    ------
    ConfigError
        If it is of another kind; the message names the key and the value.
    """
    if isinstance(value, bool):
        raise ConfigError(
            f"{key}: found {str(value).lower()}, expected a number or a word; true and false are "
            "not taken, as the options that they switch take no value"
        )
    if not isinstance(value, (str, int, float)) or value != value:
        raise ConfigError(f"{key}: found {value!r}, expected a number or a word")
    return value


def refuse_normal(key: str, entry: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` for a normal distribution, which has mu and sigma."""
    given = [name for name in ("mu", "sigma") if name in entry]
    kind = entry.get("distribution")
    if given or (isinstance(kind, str) and kind.endswith("normal")):
        found = f"distribution {kind}" if kind else " and ".join(given)
        raise ConfigError(
            f"{key}: found {found}; normal distributions (mu, sigma) are not taken, "
            "expected min and max"
        )


def _parse(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)
