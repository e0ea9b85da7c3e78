"""Absolute paths in a configuration, so that a run can be continued from another folder."""

from __future__ import annotations

from pathlib import Path

from topo.config.schema import Config

_FIELDS = {
    "data": ("path", "exclude_similar", "structures", "features"),
    "training": ("init",),
    "distillation": ("teacher", "features", "unlabelled"),
    "pretraining": ("corpus", "exclude_similar"),
}
"""Fields with a path, by section."""


def with_absolute_paths(config: Config) -> Config:
    """Return a copy of a configuration in which the paths of files and folders are absolute."""
    made = config.model_copy(deep=True)
    for section, names in _FIELDS.items():
        for name in names:
            part = getattr(made, section)
            setattr(part, name, _absolute(getattr(part, name)))
    for extra in made.data.extra:
        extra.path = str(_absolute(extra.path))
        extra.exclude_similar = _absolute(extra.exclude_similar)
    return made


def _absolute(path: str | None) -> str | None:
    """Make a path absolute; ``-`` is standard input."""
    return path if path in (None, "", "-") else str(Path(path).absolute())
