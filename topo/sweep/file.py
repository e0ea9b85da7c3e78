"""Reader of the sweep files of Weights & Biases that ``topo sweep`` supports."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

from topo.config import MONITORS, read_yaml
from topo.errors import ConfigError
from topo.sweep.values import choice, number, refuse_normal, whole

METHODS = ("grid", "random", "bayes")
ARGS = "${args}"
_FRONT = ("${env}", "${interpreter}", "-m")  # may precede the name of the program
_KEYS = (
    *("program", "command", "method", "metric", "parameters", "early_terminate", "run_cap"),
    *("name", "description", "project", "entity", "controller"),
)
_LARGEST_COUNT = 10_000
_LARGEST_GRID = 100_000
_LARGEST_EXPONENT = 700  # the exponential of larger numbers overflows


@dataclass(frozen=True)
class Parameter:
    """An option of ``topo train`` that a sweep varies, with its values or range.

    Parameters
    ----------
    name
        Name of the option without hyphens.
    values
        Values to choose from; empty for a range.
    low, high
        Ends of the range, both included.
    integer, log
        Whether the range holds integers; whether it is uniform on a logarithmic scale.
    step
        Distance between neighbouring values; None for a continuous range.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    integer: bool = False
    log: bool = False
    step: float | None = None


@dataclass(frozen=True)
class Early:
    """Early termination by successive halving.

    After ``first * eta**k`` epochs (k = 0, 1, ...) the best 1 / ``eta`` of the trials continue.

    Parameters
    ----------
    first
        Number of epochs before the first selection.
    eta
        Reduction factor of each selection.
    """

    first: int
    eta: int


@dataclass(frozen=True)
class Sweep:
    """A sweep as described by its file.

    Parameters
    ----------
    method
        Search method, one of :data:`METHODS`.
    metric, maximise
        Column of ``history.csv`` to optimise, and whether larger values are better.
    parameters
        Options that the sweep varies.
    arguments
        Arguments of ``topo train``; :data:`ARGS` is the placeholder of the parameters.
    cap
        Largest number of trials, or None.
    early
        Early termination, or None.
    """

    method: str
    metric: str
    maximise: bool
    parameters: tuple[Parameter, ...]
    arguments: tuple[str, ...]
    cap: int | None = None
    early: Early | None = None

    def examples(self) -> Iterator[dict[str, Any]]:
        """Yield points that together have each listed value and both ends of each range."""
        ends = {p.name: p.values or (p.low, p.high) for p in self.parameters}
        first = {name: values[0] for name, values in ends.items()}
        yield first
        for name, values in ends.items():
            yield from ({**first, name: value} for value in values[1:])

    def command(self, values: Mapping[str, Any]) -> list[str]:
        """Return the arguments of ``topo train`` for one value per parameter."""
        options = [f"--{name}={value}" for name, value in values.items()]
        pieces = ([argument] if argument != ARGS else options for argument in self.arguments)
        return list(itertools.chain.from_iterable(pieces))

    def with_arguments(self, more: Sequence[str]) -> Sweep:
        """Return a sweep with more arguments of ``topo train``, which override those of the file.

        Raises
        ------
        ConfigError
            If the sweep varies one of these options.
        """
        swept = {f"--{parameter.name}" for parameter in self.parameters}
        for word in more:
            if (option := word.partition("=")[0]) in swept:
                raise ConfigError(f"found {option}, which the sweep varies")
        place = self.arguments.index(ARGS)
        return replace(self, arguments=(*self.arguments[:place], *more, *self.arguments[place:]))

    def grid(self) -> list[dict[str, Any]]:
        """Return all combinations of values; the last parameter varies fastest."""
        names = [parameter.name for parameter in self.parameters]
        choices = (parameter.values for parameter in self.parameters)
        return [dict(zip(names, point, strict=True)) for point in itertools.product(*choices)]


def load_sweep(path: str | PathLike[str]) -> Sweep:
    """Read a sweep file.

    Raises
    ------
    ConfigError
        If the file cannot be read, is malformed, or uses a feature that ``topo sweep`` does not
        support. The message names file and key.
    """
    tree = read_yaml(path)
    try:
        return parse_sweep(tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_sweep(tree: Any) -> Sweep:
    """Parse the content of a sweep file; see :func:`load_sweep`."""
    if not isinstance(tree, Mapping):
        raise ConfigError(f"found {type(tree).__name__}, expected a mapping")
    if unknown := [key for key in tree if key not in _KEYS]:
        raise ConfigError(f"unknown key {unknown[0]}, expected one of {', '.join(_KEYS)}")
    method = tree.get("method")
    if method not in METHODS:
        raise ConfigError(f"method: found {method}, expected one of {', '.join(METHODS)}")
    metric = tree.get("metric") or {}
    if not isinstance(metric, Mapping):
        raise ConfigError(f"metric: found {metric!r}, expected a mapping of name and goal")
    name, goal = metric.get("name"), metric.get("goal", "minimize")
    if name not in MONITORS:
        raise ConfigError(f"metric.name: found {name}, expected one of {', '.join(MONITORS)}")
    if goal not in ("minimize", "maximize"):
        raise ConfigError(f"metric.goal: found {goal}, expected minimize or maximize")
    given = tree.get("parameters")
    if not isinstance(given, Mapping) or not given:
        raise ConfigError("parameters: expected a mapping with at least one parameter")
    _check_controller(tree.get("controller"))
    parameters = tuple(_parameter(str(key), value) for key, value in given.items())
    if method == "grid" and (ranged := [p.name for p in parameters if not p.values]):
        raise ConfigError(f"parameters.{ranged[0]}: found a range, expected values for a grid")
    if method == "grid" and math.prod(len(p.values) for p in parameters) > _LARGEST_GRID:
        raise ConfigError(f"parameters: found a grid of more than {_LARGEST_GRID} points")
    cap = tree.get("run_cap")
    return Sweep(
        method,
        name,
        goal == "maximize",
        parameters,
        _arguments(tree.get("command")),
        None if cap is None else whole("run_cap", cap),
        _early(tree.get("early_terminate")),
    )


def _arguments(command: Any) -> tuple[str, ...]:
    if not isinstance(command, Sequence) or isinstance(command, str):
        raise ConfigError("command: expected a list such as [${env}, topo, train, ${args}]")
    words = [str(word) for word in command]
    while words and words[0] in _FRONT:
        words.pop(0)
    if words[:2] != ["topo", "train"]:
        raise ConfigError(f"command: found {' '.join(words[:2])}, expected topo train")
    if words.count(ARGS) != 1:
        raise ConfigError("command: expected ${args} once")
    if macros := [word for word in words if word.startswith("${") and word != ARGS]:
        raise ConfigError(f"command: found {macros[0]}, expected no macro but ${{args}}")
    return tuple(words[2:])


def _check_controller(entry: Any) -> None:
    """Pass over the controller of W&B that runs in the same process, as this one does."""
    if entry is not None and not (isinstance(entry, Mapping) and entry.get("type") == "local"):
        raise ConfigError(f"controller: found {entry!r}, expected none or type: local")


def _parameter(name: str, entry: Any) -> Parameter:
    key = f"parameters.{name}"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{key}: found {entry!r}, expected value, values or min, max")
    if "value" in entry:
        return Parameter(name, (choice(f"{key}.value", entry["value"]),))
    if "values" in entry:
        return Parameter(name, _choices(key, entry))
    refuse_normal(key, entry)
    low, high = number(entry.get("min")), number(entry.get("max"))
    if low is None or high is None or low >= high:
        given = f"min {entry.get('min')!r}, max {entry.get('max')!r}"
        raise ConfigError(f"{key}: found {given}, expected min < max")
    return _range(name, entry, low, high)


def _choices(key: str, entry: Mapping[str, Any]) -> tuple[Any, ...]:
    values = entry["values"]
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{key}: found values {values!r}, expected a list of numbers or words")
    if "probabilities" in entry:
        raise ConfigError(f"{key}: found probabilities, which are not taken, expected values alone")
    return tuple(choice(f"{key}.values", value) for value in values)


def _range(name: str, entry: Mapping[str, Any], low: float, high: float) -> Parameter:
    key = f"parameters.{name}"
    integers = isinstance(low, int) and isinstance(high, int)
    kind = entry.get("distribution", "int_uniform" if integers else "uniform")
    step = number(entry.get("q", 1.0))
    if step is None or step <= 0:
        raise ConfigError(f"{key}: found q {entry['q']!r}, expected a step above 0")
    if kind == "log_uniform_values" and low <= 0:
        raise ConfigError(f"{key}: found min {low}, expected more than 0")
    if kind == "log_uniform" and max(high, -low) > _LARGEST_EXPONENT:
        raise ConfigError(
            f"{key}: found min {low}, max {high}, expected the logarithms of the ends"
        )
    if kind == "int_uniform":
        if low != int(low) or high != int(high):
            raise ConfigError(f"{key}: found min {low}, max {high}, expected whole numbers")
        return Parameter(name, low=int(low), high=int(high), integer=True)
    if kind == "uniform":
        return Parameter(name, low=low, high=high)
    if kind == "q_uniform":
        is_whole = step == int(step) and integers
        return Parameter(name, low=low, high=high, integer=is_whole, step=step)
    if kind == "log_uniform_values":
        return Parameter(name, low=low, high=high, log=True)
    if kind == "log_uniform":
        return Parameter(name, low=math.exp(low), high=math.exp(high), log=True)
    known = "int_uniform, uniform, q_uniform, log_uniform, log_uniform_values"
    raise ConfigError(f"{key}: found distribution {kind}, expected one of {known}")


def _count(entry: Mapping[str, Any], key: str, default: int | None = None) -> int:
    return whole(f"early_terminate.{key}", entry.get(key, default), _LARGEST_COUNT)


def _early(entry: Any) -> Early | None:
    if entry is None:
        return None
    if not isinstance(entry, Mapping) or entry.get("type") != "hyperband":
        raise ConfigError("early_terminate.type: expected hyperband")
    eta = _count(entry, "eta", 3)
    if "min_iter" in entry:
        return Early(_count(entry, "min_iter"), eta)
    if "max_iter" in entry and "s" in entry:
        return Early(max(1, _count(entry, "max_iter") // eta ** _count(entry, "s")), eta)
    raise ConfigError("early_terminate: expected min_iter, or max_iter and s")
