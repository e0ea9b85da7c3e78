"""Models with labels of their own, trained, evaluated and predicted with end to end."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, command

from topo.inference import load_model, predict
from topo.inference.store import create_store, reopen_store
from topo.io import read_labelled, read_predictions, read_proteins
from topo.labels import LABELS
from topo.labels.scheme import SIX
from topo.resources import bundled

SMALL = ("--gcs", 8, "--lstm", 8, "--layers", 1, "--epochs", 1)
FASTA = ROOT / "data" / "example" / "proteins.fasta"
EXTENDED = ROOT / "configs" / "labels" / "extended.yaml"
OWN = """
labels:
  H: {name: helix}
  E: {name: strand}
  C: {name: coil}
types:
  ALPHA: {has: [H], lacks: [E]}
  BETA: {has: [E]}
  COIL: {only: [C]}
states:
  helix: {letter: H, minimum: 3, start: true, end: true, successors: [coil, strand]}
  strand: {letter: E, minimum: 2, start: true, end: true, successors: [coil, helix]}
  coil: {letter: C, start: true, end: true, successors: [helix, strand]}
"""


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the example set, whose labels are written as helix, strand and coil."""
    folder = tmp_path_factory.mktemp("own")
    table = str.maketrans("MBIOPS", "HECCCC")
    folds: dict[str, list[dict[str, str]]] = {}
    for protein in read_labelled(bundled("example") / "example.partitions.json"):
        record = {"id": protein.id, "sequence": protein.sequence}
        labels = (protein.labels or "").translate(table)
        folds.setdefault(protein.fold or "", []).append({**record, "labels": labels})
    (folder / "own.json").write_text(json.dumps(folds))
    (folder / "own.yaml").write_text(OWN)
    grammar = f"model.heads.grammar={folder / 'own.yaml'}"
    data = ("--data", folder / "own.json")
    assert command("train", *data, "--set", grammar, *SMALL, "-o", folder) == 0
    return next(folder.glob("bilstm*"))


@pytest.fixture(scope="module")
def extended_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extended")
    assert command("train", "--set", f"model.heads.grammar={EXTENDED}", *SMALL, "-o", folder) == 0
    return next(folder.glob("bilstm*"))


def test_own_letters_are_evaluated(own_run, tmp_path) -> None:
    assert command("evaluate", "--run", own_run, "-o", tmp_path, "--resamples", 20) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics["labels"]["residue"]["recall"]) == set("HEC")
    assert set(metrics["labels"]["type"]["accuracy"]) == {"ALPHA", "BETA", "COIL"}
    assert metrics["labels"]["residue"]["accuracy"]["n"] == 3722
    assert "topology" not in metrics
    rows = read_table(tmp_path / "proteins.tsv")
    assert {row["truth_type"] for row in rows} <= {"ALPHA", "BETA", "COIL"}
    assert "Own labels" in (tmp_path / "report.html").read_text()


def test_own_letters_are_predicted(own_run, tmp_path) -> None:
    formats = ("gff3", "summary", "jsonl", "segments", "parquet", "3line")
    options = [part for name in formats for part in ("--format", name)]
    more = ("--probabilities", "parquet")
    assert command("predict", FASTA, "--model", own_run, *options, *more, "-o", tmp_path) == 0
    summary = read_table(tmp_path / "summary.tsv")
    kinds = [[float(row[f"p_{name}"]) for name in ("ALPHA", "BETA", "COIL")] for row in summary]
    assert np.sum(kinds, axis=1) == pytest.approx(1, abs=2e-4)
    record = json.loads((tmp_path / "predictions.jsonl").read_text().splitlines()[0])
    assert record["probability_order"] == "HEC"
    assert sum(record["type_probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert len(record["probabilities"][0]) == 3
    segments = {row["segment"] for row in read_table(tmp_path / "segments.tsv")}
    assert segments <= {"helix", "strand", "coil"}
    assert {"H", "E", "C"} <= set(pq.read_table(tmp_path / "probabilities.parquet").column_names)
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    assert len(rows[0]["probabilities"][0]) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "tmrs"), "format tmrs has the labels I O P S M B alone"),
        (("--labels", "six"), "the labels of the model, H E C, are not mapped to the six"),
        (("--labels", "seven"), "found 'seven', expected six or extended"),
        (("--export", "mature"), "format mature has the labels I O P S M B alone"),
        (("--probabilities", "csv"), "format csv has the labels I O P S M B alone"),
    ],
)
def test_what_needs_the_six_labels_is_refused(own_run, tmp_path, capsys, options, message) -> None:
    capsys.readouterr()
    assert command("predict", FASTA, "--model", own_run, *options, "-o", tmp_path / "p") == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert not list((tmp_path / "p").glob("*")) if (tmp_path / "p").exists() else True


def test_extended_labels_are_written_as_such_or_as_the_six(extended_run, tmp_path) -> None:
    for labels in ("extended", "six"):
        formats = ("--format", "3line", "--format", "tmrs", "--format", "gff3", "--format", "jsonl")
        options = ("--model", extended_run, "--labels", labels, *formats)
        assert command("predict", FASTA, *options, "-o", tmp_path / labels) == 0
    scheme = load_model(extended_run).tagger.crf.grammar.scheme
    own = (tmp_path / "extended" / "predicted_topologies.3line").read_text().splitlines()[2::3]
    six = (tmp_path / "six" / "predicted_topologies.3line").read_text().splitlines()[2::3]
    assert [scheme.to_six(labels) for labels in own] == six
    assert any("R" in labels or "T" in labels for labels in own)
    assert all(set(labels) <= set(LABELS) for labels in six)
    table = "TMRs.gff3"
    assert (tmp_path / "extended" / table).read_text() == (tmp_path / "six" / table).read_text()
    terms = (tmp_path / "extended" / "topologies.gff3").read_text()
    assert "intramembrane_polypeptide_region" in terms or "transit_peptide" in terms
    records = [json.loads(x) for x in (tmp_path / "six" / "predictions.jsonl").open()]
    for record in records:
        assert np.sum(record["probabilities"], axis=1) == pytest.approx(1, abs=1e-4)
    assert len(list(read_predictions(tmp_path / "six" / "topologies.gff3"))) == len(six)


def test_extended_predictions_in_six_labels(extended_run) -> None:
    model = load_model(extended_run)
    model.tagger.label_temperature.fill_(1.0)  # each set of labels has its own normalisation
    (prediction, *_) = predict(FASTA, model)
    six = prediction.in_six()
    assert six.scheme is SIX
    assert six.probabilities is not None
    assert six.probabilities.shape == (len(prediction), 6)
    assert six.probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    assert six.in_six() is six
    assert prediction.probabilities is not None
    plain = [prediction.scheme.index[x] for x in "MB"]  # no other label is written like these
    assert six.probabilities[:, 4:] == pytest.approx(prediction.probabilities[:, plain], abs=1e-5)


def test_extended_predictions_return_from_a_store(extended_run, tmp_path) -> None:
    model = load_model(extended_run)
    proteins = list(read_proteins(FASTA))[:2]
    store = create_store(
        tmp_path / "store",
        {"made_by": {}, "started": "20260101000000", "batch_residues": 1000},
    )
    for number, prediction in enumerate(predict(proteins, model)):
        store.add(bytes([number]) * 32, prediction)
    store.close()
    again = reopen_store(tmp_path / "store")
    assert again is not None
    again.scheme = model.tagger.crf.grammar.scheme
    for number, (protein, fresh) in enumerate(zip(proteins, predict(proteins, model), strict=True)):
        kept = again.get(bytes([number]) * 32, protein)
        assert kept.labels == fresh.labels
        assert kept.scheme == fresh.scheme
        for name in ("probabilities", "six_probabilities", "type_probabilities"):
            assert np.array_equal(getattr(kept, name), getattr(fresh, name))
    again.close()


def test_worker_processes_predict_the_same(extended_run) -> None:
    one = list(predict(FASTA, extended_run))
    two = list(predict(FASTA, extended_run, devices=("cpu", "cpu")))
    assert [p.labels for p in one] == [p.labels for p in two]
    assert two[0].scheme == one[0].scheme
    assert two[0].in_six().labels == one[0].in_six().labels


def test_extended_metrics_are_in_both_labels(extended_run, tmp_path) -> None:
    assert command("evaluate", "--run", extended_run, "-o", tmp_path, "--resamples", 20) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics["labels"]["segments"]["recall"]) == set("IOPSMBRT")
    assert set(metrics["residue"]["recall"]) == set(LABELS)
    assert metrics["topology"]["overlap"]["n"] > 0


def test_labels_that_the_grammar_lacks_are_one_line(own_run, tmp_path, capsys) -> None:
    path = tmp_path / "x.3line"
    path.write_text(">a\nMKTAYIAKQR\nHHHHCCCCXX\n")
    grammar = f"model.heads.grammar={own_run.parent / 'own.yaml'}"
    capsys.readouterr()
    assert command("train", "--data", path, "--set", grammar, "-o", tmp_path / "runs") == 2
    error = capsys.readouterr().err
    assert "x.3line:3: " in error
    assert "found label 'X' at position 9, expected one of H E C -" in error


def test_a_damaged_declaration_in_a_checkpoint_is_one_line(extended_run, tmp_path, capsys) -> None:
    model = tmp_path / "model"
    shutil.copytree(extended_run / "model", model)
    text = (model / "config.yaml").read_text()
    (model / "config.yaml").write_text(text.replace("labels: IOPSMBRT", "labels: IOPSMB"))
    capsys.readouterr()
    assert command("predict", FASTA, "--model", model, "-o", tmp_path / "p") == 2
    assert "found labels IOPSMB, its grammar has labels IOPSMBRT" in capsys.readouterr().err


def test_gff3_of_the_model_is_read_back_in_six(extended_run, tmp_path) -> None:
    options = ("--model", extended_run, "--labels", "six", "--format", "gff3")
    assert command("predict", FASTA, *options, "-o", tmp_path) == 0
    found = {p.id: p.labels for p in read_predictions(tmp_path / "topologies.gff3")}
    wanted = {p.id: p.in_six().labels for p in predict(FASTA, extended_run)}
    assert found == wanted
