"""Training and prediction with structures by command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import command
from structure_files import mmcif_text, pdb_text

from topo.config import load_config
from topo.errors import InputError, InputWarning
from topo.inference import load_model, predict
from topo.io import read_inputs, read_three_line
from topo.io.structure import without_structure
from topo.runs import Run

ROOT = Path(__file__).resolve().parents[2]
RANDOM = np.random.default_rng(5)
SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--batch", "16", "--threads", "1"),
    *("--epochs", "1", "--precision", "32", "--set", "model.encoder.layers=2"),
    *("--set", "sampling.minimum=1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labelled proteins in two folds, eight of them with structures."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "files").mkdir()
    records, index = [], ["id\tfile\tfold"]
    for number in range(12):
        inside = "".join(RANDOM.choice(list("DEKRSTN"), 12))
        helix = "".join(RANDOM.choice(list("AILVFGM"), 21))
        sequence = inside + (helix if number % 2 else inside) + inside[::-1]
        labels = "I" * 12 + "M" * 21 + "O" * 12 if number % 2 else "I" * len(sequence)
        records.append(f">p{number} | {'TM' if number % 2 else 'GLOB'}\n{sequence}\n{labels}\n")
        if number < 8:
            name = f"p{number}.pdb" if number < 6 else f"p{number}.cif"
            form = pdb_text if number < 6 else mmcif_text
            (folder / "files" / name).write_text(form(sequence, predicted=number > 3))
            index.append(f"p{number}\t{name}\tcv{number % 4 // 2}")
    (folder / "set.3line").write_text("".join(records))
    (folder / "index.tsv").write_text("\n".join(index) + "\n")
    return folder


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    options = ["--config", ROOT / "configs" / "structure.yaml", "--data", data / "set.3line"]
    options += ["--structures", data / "files", "--test", "cv1", "--name", "run", *SMALL]
    assert command("train", *options, "-o", folder) == 0
    return Run(folder / "run")


def test_the_run_keeps_its_structures(finished: Run, data: Path) -> None:
    config = finished.config()
    assert (config.graph.structure, config.graph.knn) == (True, 16)
    assert config.data.structures == str(data / "files")
    assert finished.info()["proteins"]["test"] == 4
    assert len(finished.history()) == 1


def test_one_model_predicts_with_and_without_structures(finished: Run, data: Path) -> None:
    checkpoint = load_model(finished.path)
    proteins = list(read_inputs(data / "set.3line", data / "files"))
    assert sum(p.coordinates is not None for p in proteins) == 8
    with_ = list(predict(proteins, checkpoint))
    without = list(predict(map(without_structure, proteins), checkpoint))
    assert [p.id for p in with_] == [p.id for p in proteins]
    changed = [
        not np.allclose(a.probabilities, b.probabilities, atol=1e-3)
        for a, b in zip(with_, without, strict=True)
    ]
    assert changed == [True] * 8 + [False] * 4
    backwards = list(predict(proteins[::-1], checkpoint))[::-1]
    for one, other in zip(with_, backwards, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def test_predict_pairs_a_fasta_with_a_folder(finished: Run, data: Path, tmp_path: Path) -> None:
    fasta = tmp_path / "x.fasta"
    proteins = list(read_three_line(data / "set.3line"))
    fasta.write_text("".join(f">{p.id}\n{p.sequence}\n" for p in proteins))
    options = ["--model", finished.path, "--probabilities", "npz", "--plots", "none"]
    for name, more in (("with", ["--structures", data / "files"]), ("without", [])):
        assert command("predict", fasta, *options, *more, "-o", tmp_path / name) == 0
    records = [list(read_three_line(next((tmp_path / n).glob("*.3line")))) for n in
               ("with", "without")]  # fmt: skip
    assert [r.id for r in records[0]] == [r.id for r in records[1]] == [p.id for p in proteins]
    files = [next((tmp_path / name).glob("*.npz")).read_bytes() for name in ("with", "without")]
    assert files[0] != files[1]


def test_predict_takes_structure_files_and_folders(
    finished: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", finished.path, "--plots", "none"]
    assert command("predict", data / "files" / "p1.pdb", *options, "-o", tmp_path / "one") == 0
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in ("p1.pdb", "p7.cif"):
        shutil.copy(data / "files" / name, mixed)
    first = next(iter(read_three_line(data / "set.3line")))
    (mixed / "some.fasta").write_text(f">p0\n{first.sequence}\n>p7\n{'A' * 45}\n")
    (mixed / "broken.pdb").write_text("<html>404</html>\n")
    assert command("predict", mixed, *options, "-o", tmp_path / "all") == 0
    error = capsys.readouterr().err
    assert "broken.pdb: found HTML" in error
    assert "p7.cif: chain A does not fit the sequence" in error
    ids = [p.id for p in read_three_line(next((tmp_path / "all").glob("*.3line")))]
    assert ids == ["p0", "p7", "p1"]
    pictured = [*options, "--structure-files", "-o", tmp_path / "pictured"]
    assert command("predict", mixed / "p1.pdb", *pictured) == 0
    files = sorted(file.name for file in (tmp_path / "pictured" / "structures").iterdir())
    assert files == ["p1.cxc", "p1.pdb", "p1.pml"]
    assert command("predict", data / "files" / "p1.pdb", "--chain", "Z", *options) == 2
    assert "has no protein chain Z, found A" in capsys.readouterr().err


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no sequences or structures"):
        list(read_inputs(tmp_path))
    (tmp_path / "x.pdb").write_text("")
    with (
        pytest.warns(InputWarning, match="is empty"),
        pytest.raises(InputError, match="holds no sequences"),
    ):
        list(read_inputs(tmp_path))


def test_structure_configuration_is_the_original_system() -> None:
    config = load_config(ROOT / "configs" / "structure.yaml")
    encoder, recurrent = config.model.encoder, config.model.recurrent
    assert (encoder.gcs, recurrent.size, recurrent.layers) == (64, 128, 4)
    assert (encoder.kind, encoder.layers, encoder.filters, encoder.gaussians) == (
        *("schnet", 6, 128, 50),
    )
    assert (encoder.cutoff, config.graph.knn, config.training.batch) == (10, 16, 32)


@pytest.mark.parametrize("kind", ["gcn", "sage", "gat", "rgcn", "schnet"])
def test_every_encoder_trains_with_structures(kind: str, data: Path, tmp_path: Path) -> None:
    options = [*SMALL, "--graph", kind, "--structures", data / "files", "--name", kind]
    assert command("train", *options, "--data", data / "set.3line", "-o", tmp_path) == 0
    assert "val_loss" in Run(tmp_path / kind).history()[0]
