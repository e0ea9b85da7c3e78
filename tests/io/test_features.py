"""Files of features: keys of all programs, lazy reading, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from feature_files import write_features

from topo.errors import InputError, InputWarning, TopoError
from topo.io.features import FeatureFile, sequence_sha256
from topo.io.inputs import read_inputs
from topo.io.summary import sequence_md5
from topo.protein import Protein

h5py = pytest.importorskip("h5py")
PROTEIN = Protein("sp|P12345|NAME", "MKVLA")
VALUES = np.arange(15, dtype=np.float16).reshape(5, 3)


def found(path: Path, protein: Protein = PROTEIN) -> np.ndarray:
    features = FeatureFile(path).of(protein)
    assert features is not None
    return features[0 : len(protein)]


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("sp|P12345|NAME", "id"),
        ("P12345", "id"),
        (sequence_md5("MKVLA"), "md5"),
        (sequence_sha256("MKVLA"), "sha256"),
    ],
)
def test_each_convention_of_keys_is_found(tmp_path: Path, key: str, keys: str) -> None:
    path = write_features(tmp_path / "f.h5", [(key, VALUES)])
    np.testing.assert_array_equal(found(path), VALUES)
    assert FeatureFile(path).keys == keys


@pytest.mark.parametrize("original", ["sp|P12345|NAME", "P12345"])
def test_original_id_of_the_data_set_is_found(tmp_path: Path, original: str) -> None:
    path = write_features(tmp_path / "f.h5", [("0", VALUES)])
    with h5py.File(path, "a") as file:
        file["0"].attrs["original_id"] = original
    np.testing.assert_array_equal(found(path), VALUES)


def test_keys_of_the_programs_have_their_published_form() -> None:
    # MD5 and SHA-256 of coreutils: printf MKVLA | md5sum; printf MKVLA_5 | sha256sum
    assert sequence_md5("MKVLA") == "78f24a5d046064dc4f4b7bf0b4386891"
    assert (
        sequence_sha256("MKVLA")
        == "499bc9c8a97c8c1aab793a0502fa0e6757f724adef34877f7c5af8109546b794"
    )


# Record and key of the sample of TMbed (examples/sample.fasta and sample.h5 of its repository)
VDAC1 = """>sp|P21796|VDAC1_HUMAN Voltage-dependent anion-selective channel protein 1
MAVPPTYADLGKSARDVFTKGYGFGLIKLDLKTKSENGLEFTSSGSANTETTKVTGSLET
KYRWTEYGLTFTEKWNTDNTLGTEITVEDQLARGLKLTFDSSFSPNTGKKNAKIKTGYKR
EHINLGCDMDFDIAGPSIRGALVLGYEGWLAGYQMNFETAKSRVTQSNFAVGYKTDEFQL
HTNVNDGTEFGGSIYQKVNKKLETAVNLAWTAGNSNTRFGIAAKYQIDPDACFSAKVNNS
SLIGLGYTQTLKPGIKLTLSALLDGKNVNAGGHKLGLGLEFQA
"""
VDAC1_KEY = "036df962ebcde3791b89c4f789d27b59"


def test_the_layout_of_the_sample_of_tmbed_is_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(283, 1024)).astype(np.float16)
    path = write_features(tmp_path / "sample.h5", [("0" * 32, values[:7]), (VDAC1_KEY, values)])
    (tmp_path / "sample.fasta").write_text(VDAC1)
    file = FeatureFile(path)
    (protein,) = file.attach(read_inputs(tmp_path / "sample.fasta"))
    assert protein.features is not None
    assert protein.features.shape == (283, 1024)
    np.testing.assert_array_equal(protein.features[0:283], values)
    assert (file.keys, file.width, file.name) == ("md5", 1024, None)


def test_values_are_float32_and_rows_are_read_when_asked_for(tmp_path: Path) -> None:
    path = write_features(tmp_path / "f.h5", [("sp|P12345|NAME", VALUES)])
    features = FeatureFile(path).of(PROTEIN)
    assert features is not None
    assert features.shape == (5, 3)
    part = features[1:3]
    assert part.dtype == np.float32
    np.testing.assert_array_equal(part, VALUES[1:3])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VALUES[:4], r"sp\|P12345\|NAME: found features of shape \(4, 3\), expected \(5, 3\)"),
        (VALUES[0], r"shape \(3,\), expected floating-point numbers of shape"),
        (VALUES.astype(int), "found int64 of shape"),
    ],
)
def test_wrong_shapes_are_named(tmp_path: Path, values: np.ndarray, message: str) -> None:
    path = write_features(tmp_path / "f.h5", [("sp|P12345|NAME", values)])
    with pytest.raises(InputError, match=message):
        found(path)


def test_a_value_that_is_no_number_is_named_with_its_place(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[3, 1] = np.nan
    path = write_features(tmp_path / "f.h5", [("sp|P12345|NAME", values)])
    with pytest.raises(InputError, match="found nan in feature 2 of residue 4, expected finite"):
        found(path)
    key = sequence_md5("MKVLA")
    path = write_features(tmp_path / "md5.h5", [(key, values)])
    with pytest.raises(InputError, match=rf"NAME \({key}\): found nan in feature 2"):
        found(path)


def test_missing_proteins_are_listed(tmp_path: Path) -> None:
    path = write_features(tmp_path / "f.h5", [("a", VALUES)])
    proteins = [Protein(name, "MKVLA") for name in "abc"]
    file = FeatureFile(path)
    with pytest.raises(InputError, match="found no features for 2 of 3 proteins: b, c; --missing"):
        list(file.attach(proteins))
    with pytest.warns(InputWarning, match="for 2 of 3 proteins: b, c; read without"):
        attached = list(file.attach(proteins, "mask"))
    assert [p.features is None for p in attached] == [False, True, True]
    assert file.missing == ["b", "c"]


@pytest.mark.parametrize("cut", [0, 10, 500, -300])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_features(tmp_path / "f.h5", [("a", VALUES)])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="expected an HDF5 file"):
        FeatureFile(path)


def test_files_without_features_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no data sets"):
        FeatureFile(write_features(tmp_path / "empty.h5", []))
    with pytest.raises(InputError, match="cannot be read"):
        FeatureFile(tmp_path / "absent.h5")
    with pytest.raises(InputError, match="found a folder"):
        FeatureFile(tmp_path)
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file.create_group("a")
    with pytest.raises(InputError, match="a: found a group, expected a data set"):
        FeatureFile(tmp_path / "group.h5")


def test_a_file_for_another_model_is_refused(tmp_path: Path) -> None:
    path = write_features(tmp_path / "f.h5", [("a", VALUES)], model="esm2")
    file = FeatureFile(path)
    assert file.name == "esm2"
    file.check(3, "esm2")
    file.check(3)
    for width, name, message in (
        (0, None, "the model reads no features"),
        (3, "prot_t5", "found features of esm2, expected those of prot_t5"),
        (4, "esm2", "found 3 features for each residue, expected 4"),
    ):
        with pytest.raises(TopoError, match=message):
            file.check(width, name)
