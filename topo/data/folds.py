"""Roles of the folds of a file: which train, which validate and which test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from topo.config import DataConfig
from topo.errors import ConfigError

SPLITS = ("train", "validation", "test")

ROLE_NAMES = {"validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
"""Names of folds, in any case, that validate or test where the configuration names none."""


@dataclass(frozen=True)
class FoldRoles:
    """Folds of each split; None among them stands for the proteins without a fold.

    Parameters
    ----------
    train, validation, test
        Folds of each split. Without a validation fold, a share of the training proteins validates.
    """

    train: tuple[str | None, ...]
    validation: tuple[str | None, ...]
    test: tuple[str | None, ...]

    def names(self) -> dict[str, list[str]]:
        """Return the names of the folds of each split."""
        return {
            split: [fold for fold in getattr(self, split) if fold is not None] for split in SPLITS
        }

    def indices(self, folds: Sequence[str | None]) -> np.ndarray:
        """Return the index in :data:`SPLITS` of each protein's split, -1 for none, int, (N,)."""
        place = {fold: i for i, split in enumerate(SPLITS) for fold in getattr(self, split)}
        return np.array([place.get(fold, -1) for fold in folds])


def fold_roles(
    folds: Sequence[str | None], config: DataConfig, path: str | PathLike[str]
) -> FoldRoles:
    """Assign each fold to a split.

    Where the configuration names no folds for validation or test, those with a name of
    :data:`ROLE_NAMES` are taken, unless nothing would be left to train on. A ``holdout`` other than
    the default asks for a share of the training proteins instead of a validation fold. Folds that
    neither validate nor test train, unless the configuration names those to train on.

    Parameters
    ----------
    folds
        Fold of each protein, or None.
    config
        Folds of each split.
    path
        Path to the file, for the error message.

    Raises
    ------
    ConfigError
        If a fold does not exist.
    """
    known = list(dict.fromkeys(folds))
    asked = {split: list[str](getattr(config, split)) for split in SPLITS}
    _check_exist(asked, known, path)
    named = _named_roles(asked, known, config)
    held = {*named["validation"], *named["test"]}
    rest = [fold for fold in known if fold not in held]
    train = tuple(asked["train"] or rest)
    return FoldRoles(train, tuple(named["validation"]), tuple(named["test"]))


def _check_exist(
    asked: Mapping[str, Sequence[str]],
    known: Collection[str | None],
    path: str | PathLike[str],
) -> None:
    for wanted in asked.values():
        if unknown := set(wanted) - {*known}:
            found = ", ".join(sorted(fold for fold in known if fold is not None)) or "no folds"
            raise ConfigError(f"{path}: unknown fold {sorted(unknown)[0]}, the file has {found}")


def _named_roles(
    asked: Mapping[str, list[str]], known: Sequence[str | None], config: DataConfig
) -> dict[str, list[str]]:
    """Return the folds to validate and to test on, as asked for or by their names."""
    taken = {fold for wanted in asked.values() for fold in wanted}
    found = {split: asked[split] or _by_name(split, known, taken) for split in ROLE_NAMES}
    if config.holdout != DataConfig.model_fields["holdout"].default:
        found["validation"] = asked["validation"]
    held = {*found["validation"], *found["test"]}
    if not asked["train"] and held >= {*known}:
        return {split: asked[split] for split in ROLE_NAMES}
    return found


def _by_name(split: str, known: Sequence[str | None], taken: Collection[str]) -> list[str]:
    return [
        fold
        for fold in known
        if fold is not None and fold not in taken and fold.lower() in ROLE_NAMES[split]
    ]
