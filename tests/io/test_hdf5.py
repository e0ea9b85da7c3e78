"""HDF5 files that refer to other files, claim absurd sizes, or hold odd attributes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from topo.errors import InputError
from topo.io.features import FeatureFile
from topo.io.hdf5 import is_inside
from topo.protein import Protein
from topo.sequences.files import read_sequences

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra features)")
PROTEIN = Protein("a", "MKTAY")
VALUES = np.zeros((5, 3), np.float32)


def _written(path: Path, fill: Callable[[Any], None]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def _link(target: str) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        file["a"] = h5py.ExternalLink(target, "/a")

    return fill


def _raw(target: str) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        file.create_dataset("a", (5, 3), "f4", external=[(target, 0, 60)])

    return fill


def _virtual(target: str) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        layout = h5py.VirtualLayout((5, 3), "f4")
        layout[:] = h5py.VirtualSource(target, "a", shape=(5, 3))
        file.create_virtual_dataset("a", layout)

    return fill


@pytest.mark.parametrize("fill", [_link, _raw, _virtual])
@pytest.mark.parametrize("reader", [lambda path: FeatureFile(path).of(PROTEIN), read_sequences])
def test_no_other_file_is_opened(fill: Callable, reader: Callable, tmp_path: Path) -> None:
    """A pipe as the other file would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    path = _written(tmp_path / "x.h5", fill(str(tmp_path / "pipe")))
    with pytest.raises(InputError, match=r"a: found (a link to|values in) another file"):
        reader(path)


@pytest.mark.parametrize("name", ["x", "x/b", "soft", "soft-group/b"])
def test_links_within_a_path_are_not_followed(name: str, tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.create_group("g")
        file["x"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
        file["soft"] = h5py.SoftLink("/x/b")
        file["soft-group"] = h5py.SoftLink("x")

    path = _written(tmp_path / "x.h5", fill)
    _written(tmp_path / "other.h5", lambda file: file.create_dataset("b", data=VALUES))
    with h5py.File(path) as file:
        assert not is_inside(file, name)
        assert is_inside(file, "g")
        assert is_inside(file, "missing/y")


@pytest.mark.parametrize("shape", [(10**9, 100), (5, 10**10)])
@pytest.mark.parametrize("reader", [FeatureFile, read_sequences])
def test_absurd_sizes_are_refused(shape: tuple[int, int], reader: Callable, tmp_path: Path) -> None:
    path = _written(
        tmp_path / "x.h5",
        lambda file: file.create_dataset("a", shape, "f4", chunks=(1, 100)),
    )
    assert path.stat().st_size < 10_000
    with pytest.raises(InputError, match="expands more than 300-fold"):
        reader(path)


def _loop(file: Any) -> None:
    file["a"] = h5py.SoftLink("/b")
    file["b"] = h5py.SoftLink("/a")


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (_loop, "a: (cannot be read|found a link)"),
        (lambda file: file.create_group("a"), "a: found a group"),
        (
            lambda file: file.create_dataset("a", data=h5py.Empty("f4")),
            "of shape None|expected num",
        ),
        (lambda file: file.create_dataset("a", data=1.0), "expected (floating|num)"),
    ],
)
@pytest.mark.parametrize("reader", [FeatureFile, read_sequences])
def test_other_objects_are_named(
    fill: Callable, message: str, reader: Callable, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        reader(_written(tmp_path / "x.h5", fill))


@pytest.mark.parametrize("value", [np.bytes_(b"\xff\xfe"), np.arange(3), h5py.Empty("f4"), "\x1b["])
def test_odd_attributes_are_text(value: Any, tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.attrs["model"] = value
        entry = file.create_dataset("z", data=VALUES)
        entry.attrs["original_id"] = entry.attrs["class"] = value

    path = _written(tmp_path / "x.h5", fill)
    found = FeatureFile(path)
    assert found.name is None or isinstance(found.name, str)
    assert found.of(PROTEIN) is None
    assert isinstance(read_sequences(path)[0].target, str)


def test_numbers_beyond_single_precision_are_named(tmp_path: Path) -> None:
    path = _written(
        tmp_path / "x.h5", lambda f: f.create_dataset("a", data=VALUES.astype(float) + 1e300)
    )
    found = FeatureFile(path).of(PROTEIN)
    assert found is not None
    with pytest.raises(InputError, match="a: found inf in feature 1 of residue 1"):
        found[0:5]
