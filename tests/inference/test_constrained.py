"""Prediction under constraints and with alternatives, from Python and the command line."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import command

import topo
from topo.errors import InputWarning, TopoError
from topo.inference.resume import FILE
from topo.inference.store import create_store
from topo.io import read_proteins
from topo.io.summary import EXTRA_COLUMNS, read_confidences
from topo.protein import Prediction, Protein
from topo.resources import bundled
from topo.segments import to_segments

EXAMPLE = bundled("example") / "proteins.fasta"


@pytest.fixture(scope="module")
def proteins() -> list[Protein]:
    return list(read_proteins(EXAMPLE))[:8]


@pytest.fixture(scope="module")
def free(model: Path, proteins: list[Protein]) -> list[Prediction]:
    return list(topo.predict(proteins, model))


def known(proteins: Sequence[Protein]) -> dict[str, list[str]]:
    return {
        proteins[1].id: ["5-9:inside", "40-50:helix", "segments:3"],
        proteins[4].id: ["1-20:signal", "C-term:out"],
        proteins[6].id: ["type:BETA", "N-term:periplasm"],
    }


def same(one: Prediction, other: Prediction) -> bool:
    return (
        one.labels == other.labels
        and np.array_equal(one.probabilities, other.probabilities)  # pyright: ignore
        and np.array_equal(one.type_probabilities, other.type_probabilities)  # pyright: ignore
        and one.confidence == other.confidence
        and one.constraint_log_probability == other.constraint_log_probability
        and one.alternatives == other.alternatives
    )


@pytest.mark.parametrize("decoder", ["posterior", "viterbi"])
def test_everything_is_conditional(model: Path, proteins: list[Protein], decoder: str) -> None:
    constraints = known(proteins)
    found = list(topo.predict(proteins, model, decoder=decoder, constraints=constraints))
    one, two, three = found[1], found[4], found[6]
    assert one.labels[4:9] == "IIIII"
    assert one.labels[39:50] == "M" * 11
    assert sum(segment.label in "MB" for segment in one.segments) == 3
    assert one.probabilities is not None
    assert one.probabilities[39:50, 4].min() > 0.999
    assert two.labels.startswith("S" * 20)
    assert two.labels[-1] in "OPM"
    assert two.type_probabilities is not None
    assert two.type_probabilities[[0, 3]].tolist() == [0.0, 0.0], "TM and GLOB have no signal"
    assert three.type == "BETA"
    assert three.type_probabilities is not None
    assert three.type_probabilities[4] == 1.0
    assert three.labels[0] in "PB"
    for number, prediction in enumerate(found):
        assert (prediction.constraint_log_probability is None) == (number not in (1, 4, 6))
        assert (prediction.constraint_log_probability or 0.0) <= 0.0


def test_proteins_without_constraints_are_not_touched(
    model: Path, proteins: list[Protein], free: list[Prediction]
) -> None:
    found = list(topo.predict(proteins, model, constraints=known(proteins)))
    for number in (0, 2, 3, 5, 7):
        assert same(found[number], free[number])
    for number in (1, 4, 6):
        assert not same(found[number], free[number])


def test_a_record_is_computed_for_each_set_of_constraints(
    model: Path, proteins: list[Protein]
) -> None:
    """Equal sequences share an answer only if what is known of them is equal too."""
    first = proteins[1]
    copies = [replace(first, id=name) for name in "abcd"]
    texts = {"b": "1:outside", "c": "1:inside", "d": " 1-1:Outside"}
    a, b, c, d = topo.predict(copies, model, constraints=texts)
    assert b.labels[0] == "O"
    assert c.labels[0] == "I"
    assert same(b, replace(d, id="b"))
    assert a.constraint_log_probability is None
    total = sum(np.exp(x.constraint_log_probability or 0.0) for x in (b, c))
    assert 0.0 < total <= 1.0 + 1e-9


def test_batches_and_workers_change_nothing(model: Path, proteins: list[Protein]) -> None:
    constraints = known(proteins)
    options = {"constraints": constraints, "alternatives": 3, "batch_residues": 1}
    alone = list(topo.predict(proteins, model, **options))
    workers = list(topo.predict(proteins, model, devices=("cpu", "cpu"), **options))
    assert all(map(same, alone, workers))
    options["batch_residues"] = 8000
    for one, other in zip(alone, topo.predict(proteins, model, **options), strict=True):
        assert one.labels == other.labels
        assert one.alternatives is not None
        assert other.alternatives is not None
        assert one.alternatives.unlisted == pytest.approx(other.alternatives.unlisted, abs=1e-4)


def test_alternatives_agree_with_the_prediction(
    model: Path, proteins: list[Protein], free: list[Prediction]
) -> None:
    found = list(topo.predict(proteins, model, alternatives=5))
    for prediction, plain in zip(found, free, strict=True):
        assert same(replace(prediction, alternatives=None), plain)
        result = prediction.alternatives
        assert result is not None
        shares = [topology.probability for topology in result.topologies]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 5
        assert sum(shares) + result.unlisted == pytest.approx(1.0)
        orders = ["".join(s.label for s in to_segments(t.labels)) for t in result.topologies]
        assert len(set(orders)) == 5
        own = "".join(segment.label for segment in prediction.segments)
        if own in orders:
            assert shares[orders.index(own)] == pytest.approx(prediction.confidence, abs=1e-6)
        assert sum(result.segments) == pytest.approx(1.0)


def test_stored_predictions_keep_all(model: Path, proteins: list[Protein], tmp_path: Path) -> None:
    found = list(topo.predict(proteins, model, constraints=known(proteins), alternatives=2))
    store = create_store(tmp_path / "store", {})
    for number, prediction in enumerate([*found, replace(found[0], alternatives=None)]):
        key = bytes([number]) * 32
        store.add(key, prediction)
        assert same(store.get(key, proteins[number % 8]), prediction)
    store.remove()


def table(path: Path, constraints: dict[str, list[str]]) -> Path:
    """Write constraints as a table, with what a table may hold beside."""
    lines = ["# what is known", "id\tfirst\tlast\twhat", ""]
    for name, texts in constraints.items():
        for text in texts:
            where, _, what = text.partition(":")
            first, _, last = where.partition("-")
            whole = not first.isdigit()
            lines.append("\t".join([name, "." if whole else first, "" if whole else last,
                                    text if whole else what]))  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


def run(model: Path, folder: Path, *more: object, source: object = EXAMPLE) -> int:
    words = ["--format", "summary", "--format", "jsonl", "--format", "3line", "--plots", "none"]
    return command("predict", source, "-o", folder, "--model", model, *words, *more)


def test_the_table_gives_what_python_gives(
    model: Path, proteins: list[Protein], tmp_path: Path
) -> None:
    path = table(tmp_path / "known.tsv", known(proteins))
    assert run(model, tmp_path / "out", "--constraints", path, "--alternatives", 2) == 0
    whole = list(read_proteins(EXAMPLE))
    expected = list(topo.predict(whole, model, constraints=known(proteins), alternatives=2))
    records = [json.loads(x) for x in (tmp_path / "out/predictions.jsonl").open()]
    rows = [x.rstrip("\n").split("\t") for x in (tmp_path / "out/summary.tsv").open()]
    columns = [*EXTRA_COLUMNS["constraints"], *EXTRA_COLUMNS["alternatives"]]
    assert rows[0][-len(columns) :] == columns
    for record, row, prediction in zip(records, rows[1:], expected, strict=True):
        assert record["labels"] == prediction.labels
        assert record.get("constraint_log_probability") == prediction.constraint_log_probability
        found = prediction.alternatives
        assert found is not None
        assert record["alternatives"]["flipped"] == found.flipped
        assert record["alternatives"]["topologies"][0]["labels"] == found.topologies[0].labels
        cells = dict(zip(rows[0], row, strict=True))
        assert (cells["p_constraints"] == "") == (prediction.id not in known(proteins))
        assert len(cells["alternatives"].split("|")) == 2
        assert cells["p_unlisted"] == f"{found.unlisted:.4f}"
    assert len(read_confidences(tmp_path / "out/summary.tsv")) == len(expected)


def test_parquet_has_the_same(model: Path, proteins: list[Protein], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = table(tmp_path / "known.tsv", known(proteins))
    more = ["--constraints", path, "--alternatives", 2, "--format", "parquet"]
    assert run(model, tmp_path / "out", *more) == 0
    rows = parquet.read_table(tmp_path / "out/predictions.parquet").to_pylist()
    for row, line in zip(rows, (tmp_path / "out/predictions.jsonl").open(), strict=True):
        record = json.loads(line)
        assert json.loads(row["alternatives"]) == record["alternatives"]
        value = row["constraint_log_probability"]
        expected = record.get("constraint_log_probability")
        assert (value and json.loads(value)) == expected


def test_one_protein_is_fixed_on_the_command_line(
    model: Path, proteins: list[Protein], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = proteins[0]
    source = tmp_path / "one.fasta"
    source.write_text(f">{first.id}\n{first.sequence}\n")
    fixed = ["--fix", "1-22:signal", "--fix", "23:no-signal", "--fix", "60:outside|helix"]
    assert run(model, tmp_path / "out", *fixed, source=source) == 0
    labels = (tmp_path / "out/predicted_topologies.3line").read_text().splitlines()[2]
    assert labels.startswith("S" * 22)
    assert labels[22] != "S"
    assert labels[59] in "OM"
    capsys.readouterr()
    assert run(model, tmp_path / "two", *fixed) == 2
    error = capsys.readouterr().err
    assert error == (
        "topo: --fix: found several proteins, expected one; --constraints takes those of several\n"
    )
    assert not (tmp_path / "two").exists()


def test_features_condition_as_their_table_does(
    model: Path, proteins: list[Protein], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """UniProt's ids match its accessions; GFF3 by its content, and by option."""
    fasta = tmp_path / "set.fasta"
    first, second = proteins[1], proteins[4]
    fasta.write_text(f">sp|P12345|TEST_HUMAN\n{first.sequence}\n>{second.id}\n{second.sequence}\n")
    rows = [
        ("P12345", "Topological domain", 5, 9, "Note=Cytoplasmic"),
        ("P12345", "Transmembrane", 40, 50, "Note=Helical"),
        ("P12345", "Chain", 1, 50, "ID=1"),
        (second.id, "signal_peptide", 1, 20, "ID=2"),
    ]
    features = tmp_path / "known.txt"
    features.write_text(
        "".join(f"{n}\tx\t{t}\t{a}\t{b}\t.\t.\t.\t{note}\n" for n, t, a, b, note in rows)
    )
    texts = {"P12345": ["5-9:inside", "40-50:helix"], second.id: ["1-20:signal"]}
    path = table(tmp_path / "known.tsv", texts)
    source = {"source": fasta}
    assert run(model, tmp_path / "table", "--constraints", path, **source) == 0
    assert "passed over" not in capsys.readouterr().err
    assert run(model, tmp_path / "features", "--constraints", features, **source) == 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith("known.txt: rows of other terms are passed over: Chain (1)\n")
    option = ["--constraints", features, "--constraints-format", "table"]
    assert run(model, tmp_path / "wrong", *option, **source) == 2
    assert "known.txt:1: found 'P12345" in capsys.readouterr().err
    for file in ("summary.tsv", "predictions.jsonl"):
        assert (tmp_path / "table" / file).read_text() == (tmp_path / "features" / file).read_text()


WRONG = [
    ("{0}\t1\t5", "known.tsv:1: found '{0}\\t1\\t5', expected id, first, last and what"),
    ("\n{0}\t1\t5\tcytoplasm", "known.tsv:2: found constraint '1-5:cytoplasm', expected inside"),
    ("{0} 1 5 inside", "known.tsv:1: found '{0} 1 5 inside', expected id, first"),
    ("{0}\tone\t5\tinside", "known.tsv:1: found constraint 'one-5:inside', expected"),
    ("{0}\t.\t.\tinside", "known.tsv:1: found constraint 'inside', expected"),
    ("{0}\t.\t.\tN-term:up", "known.tsv:1: found constraint 'N-term:up', expected in, out"),
    ("\t1\t5\tinside", "known.tsv:1: found '\\t1\\t5\\tinside', expected id, first"),
    ("{0}\t9999\t\tinside", "known.tsv:1: {0}: found constraint '9999:inside', expected residues"),
    (
        "{0}\t1\t9\tsignal\n{0}\t.\t.\tN-term:in",
        "known.tsv:2: {0}: found constraint 'N-term:in', which no legal topology of {1} residues "
        "meets together with the constraints before it",
    ),
    ("{0}\t1\t90\tsignal", "known.tsv:1: {0}: found constraint '1-90:signal', which no legal"),
    ("{0}\t1\t5\tinsid\u00e9", "known.tsv:1: found constraint"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_cannot_be_is_one_line(
    text: str, message: str, model: Path, proteins: list[Protein], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    name, size = proteins[0].id, len(proteins[0])
    path = tmp_path / "known.tsv"
    path.write_text(text.replace("{0}", name) + "\n")
    assert run(model, tmp_path / "out", "--constraints", path) == 2
    error = capsys.readouterr().err
    assert message.replace("{0}", name).replace("{1}", str(size)) in error
    assert error.count("\n") == 1
    assert error.startswith("topo: ")
    assert not (tmp_path / "out").exists()


def test_other_errors_are_one_line_too(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["--constraints", tmp_path / "none.tsv"],
        ["--fix", "inside"],
        ["--alternatives", "-1"],
        ["--alternatives", "101"],
    ):
        assert run(model, tmp_path / "out", *words) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_ids_that_do_not_occur_are_named(model: Path, proteins: list[Protein]) -> None:
    constraints = {name: "1:inside" for name in (*"abcdefg", proteins[0].id)}
    with pytest.warns(InputWarning, match="not among the proteins: a, b, c, d, e and 2 more"):
        list(topo.predict(proteins, model, constraints=constraints))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(topo.predict(proteins[:1], model, constraints={proteins[0].id: ["1:inside"]}))


def test_constraints_are_checked_from_python_too(model: Path, proteins: list[Protein]) -> None:
    with pytest.raises(TopoError, match="no legal topology"):
        list(topo.predict(proteins, model, constraints={proteins[0].id: ["type:GLOB", "3:helix"]}))


def test_a_resumed_run_with_other_constraints_computes_anew(
    model: Path, proteins: list[Protein], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    one = table(tmp_path / "one.tsv", known(proteins))
    other = table(tmp_path / "other.tsv", {**known(proteins), proteins[1].id: ["1:outside"]})
    with monkeypatch.context() as patch:
        patch.setattr("topo.inference.store.PredictionStore.remove", lambda self: self.close())
        assert run(model, tmp_path / "out", "--constraints", one) == 0
    assert (tmp_path / "out" / FILE).exists()
    assert run(model, tmp_path / "out", "--constraints", other, "--resume") == 0
    assert run(model, tmp_path / "fresh", "--constraints", other) == 0
    for name in ("summary.tsv", "predictions.jsonl", "predicted_topologies.3line"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
