"""Probabilities of a teacher for the proteins of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from topo.config import Config
from topo.data.labelled_set import LabelledSet
from topo.data.splits import Splits
from topo.errors import ConfigError, InputError
from topo.inference import load_model, predict
from topo.inference.featured import KnownFeatures
from topo.io import read_proteins
from topo.io.features import FeatureFile
from topo.labels import UNKNOWN
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein, SoftLabels


def with_teacher(config: Config, splits: Splits) -> LabelledSet:
    """Return the training proteins with the teacher's probabilities, and unlabelled ones.

    Unlabelled proteins with the sequence of a training, validation or test protein are left out.

    Raises
    ------
    TopoError
        If the teacher or the file of unlabelled proteins cannot be read.
    """
    asked = config.distillation
    if asked.teacher is None:
        if asked.unlabelled is not None:
            raise ConfigError("distillation.unlabelled: expected distillation.teacher with it")
        return splits.train
    train = splits.train
    if asked.unlabelled is not None:
        train = train.join(_unlabelled(asked.unlabelled, splits))
    soft = soft_labels(train.proteins, asked.teacher, asked.features, train.scheme)
    proteins = [replace(p, soft=s) for p, s in zip(train.proteins, soft, strict=True)]
    return replace(train, proteins=proteins)


def soft_labels(
    proteins: Sequence[Protein],
    teacher: str,
    features: str | None = None,
    scheme: LabelScheme = SIX,
) -> list[SoftLabels | None]:
    """Return the teacher's probabilities for each protein.

    Parameters
    ----------
    proteins
        Proteins.
    teacher
        Path to a model, whose predictions they are, or to an HDF5 file (suffix .h5 or .hdf5) with
        label probabilities (R, 6) for each protein, by the keys of :mod:`topo.io.features`, with
        type probabilities in the attribute ``types``.
    features
        Path to the features that the model reads.
    scheme
        Scheme of the student's labels.

    Raises
    ------
    TopoError
        If the teacher cannot be read, or a file has probabilities of none of the proteins.
    """
    if Path(teacher).suffix.lower() in (".h5", ".hdf5"):
        return _stored(proteins, teacher, scheme)
    inputs = [replace(protein, labels=None, features=None) for protein in proteins]
    model, known = load_model(teacher), KnownFeatures(features, "mask")
    known.check(model)
    if model.tagger.crf.grammar.scheme != scheme:
        raise ConfigError(f"{teacher}: the teacher has other labels or types than the student")
    found = predict(known.attach(inputs), model)
    return [
        None if p.probabilities is None else SoftLabels(p.probabilities, p.type_probabilities)
        for p in found
    ]


def write_soft_labels(path: str | Path, proteins: Sequence[tuple[Protein, SoftLabels]]) -> None:
    """Write label and type probabilities to an HDF5 file that :func:`soft_labels` reads."""
    from topo.io.files import atomic_path
    from topo.io.hdf5 import import_h5py
    from topo.io.summary import sequence_md5

    h5py = import_h5py()
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for protein, soft in proteins:
            key = sequence_md5(protein.sequence)
            if key in file:
                continue
            entry = file.create_dataset(key, data=soft.labels.astype(np.float32))
            entry.attrs["original_id"] = protein.id
            if soft.types is not None:
                entry.attrs["types"] = soft.types.astype(np.float32)


def _stored(proteins: Sequence[Protein], path: str, scheme: LabelScheme) -> list[SoftLabels | None]:
    file = FeatureFile(path)
    letters, kinds = len(scheme.letters), len(scheme.types)
    if file.width != letters:
        raise InputError(
            path, f"found {file.width} columns, expected the probabilities of {letters} labels"
        )
    found: list[SoftLabels | None] = []
    for protein in proteins:
        stored = file.of(protein)
        if stored is None:
            found.append(None)
            continue
        labels = stored[0 : len(protein)]
        if (labels < 0).any() or (abs(labels.sum(1) - 1) > 0.01).any():
            raise InputError(path, f"{stored.key}: expected probabilities that sum to 1")
        types = file.file[stored.key].attrs.get("types")
        if types is not None and not _are_shares(types, kinds):
            raise InputError(path, f"{stored.key}: expected {kinds} type probabilities")
        found.append(SoftLabels(labels, None if types is None else np.asarray(types, np.float32)))
    if not any(found):
        raise InputError(path, "found probabilities of none of the training proteins")
    return found


def _are_shares(values: Any, count: int) -> bool:
    """Return whether an attribute holds a number of probabilities that sum to 1."""
    array = np.asarray(values)
    if array.shape != (count,) or array.dtype.kind != "f":
        return False
    return bool((array >= 0).all() and abs(array.sum() - 1) <= 0.01)


def _unlabelled(path: str, splits: Splits) -> LabelledSet:
    known = {
        protein.sequence
        for part in (splits.train, splits.validation, splits.test)
        for protein in part.proteins
    }
    proteins = [
        replace(protein, labels=UNKNOWN * len(protein))
        for protein in read_proteins(path)
        if protein.sequence not in known
    ]
    if not proteins:
        raise ConfigError(f"{path}: found no proteins beside those of the splits")
    count, types = len(proteins), splits.train.types.shape[1]
    return replace(
        splits.train,
        proteins=proteins,
        types=np.ones((count, types), dtype=bool),
        weights=np.ones(count),
        epochs=None,
        complete=("",) * count if splits.train.complete else (),
    )
