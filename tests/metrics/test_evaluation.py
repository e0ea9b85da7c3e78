"""Evaluating and comparing: alignment, invariances, the peers' published figures, the files."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from topo.cli.main import app
from topo.errors import TopoError
from topo.io import read_predictions, read_proteins, write_three_line
from topo.io.jsonl import jsonl_record
from topo.labels import TYPES, protein_type
from topo.metrics.comparison import compare
from topo.metrics.evaluation import evaluate
from topo.metrics.pairing import pair_records
from topo.protein import Prediction, Protein
from topo.report.evaluation_files import write_evaluation

LABELS = {
    "tm": "I" * 20 + "M" * 20 + "O" * 20,
    "sptm": "S" * 20 + "O" * 20 + "M" * 20 + "I" * 20,
    "sp": "S" * 20 + "O" * 40,
    "glob": "I" * 50,
    "beta": "P" * 10 + ("B" * 10 + "O" * 8 + "B" * 10 + "P" * 6) * 4,
}


def _sequence(name: str, size: int) -> str:
    return "".join(random.Random(name).choices("ACDEFGHIKLMNPQRSTVWY", k=size))


TRUTH = [Protein(name, _sequence(name, len(x)), x) for name, x in LABELS.items()]


def _prediction(protein: Protein, labels: str | None = None, **more: object) -> Prediction:
    labels = labels or protein.labels or ""
    return Prediction(protein.id, protein.sequence, labels, protein_type(labels), **more)


RIGHT = [_prediction(protein) for protein in TRUTH]


def _values(tree: dict, path: str = ""):
    for key, value in tree.items():
        if isinstance(value, dict):
            if "value" in value:
                yield f"{path}{key}", value
            else:
                yield from _values(value, f"{path}{key}.")


def test_identity_scores_one():
    metrics = evaluate(TRUTH, RIGHT, resamples=20).metrics
    for key, entry in _values(metrics):
        expected = 0 if "false" in key else 1
        assert entry["value"] in (None, pytest.approx(expected)), key
    assert metrics["type"]["macro"]["value"] == 1
    assert metrics["type"]["macro"]["over"] == 5


@settings(max_examples=30)
@given(st.data())
def test_any_prediction_is_scored_within_bounds(data: st.DataObject):
    letters = st.sampled_from("IOPSMB-xé")
    guesses = []
    for protein in TRUTH:
        runs = data.draw(st.lists(st.tuples(letters, st.integers(1, 30)), min_size=1, max_size=8))
        text = "".join(letter * size for letter, size in runs)
        guesses.append(_prediction(protein, (text * 200)[: len(protein)]))
    evaluation = evaluate(TRUTH, guesses, resamples=10)
    assert len(evaluation.proteins) == len(TRUTH)
    for key, entry in _values(evaluation.metrics):
        low = -1 if "mcc" in key else 0
        for name in ("value", "low", "high"):
            assert entry[name] is None or low - 1e-9 <= entry[name] <= 1 + 1e-9, key
    json.dumps(evaluation.metrics, allow_nan=False)


def _noisy() -> list[Prediction]:
    generator = np.random.default_rng(0)
    noisy = []
    for protein in TRUTH * 4:
        shift = int(generator.integers(0, 12))
        labels = (protein.labels[shift:] + protein.labels[-1] * shift)[: len(protein)]
        noisy.append(
            _prediction(
                protein,
                labels,
                probabilities=generator.dirichlet(np.ones(6), len(protein)),
                confidence=float(generator.random()),
                type_probabilities=generator.dirichlet(np.ones(5)),
            )
        )
    return noisy


def _renamed(records: list, names: list[str]) -> list:
    return [replace(record, id=name) for record, name in zip(records, names, strict=True)]


def test_order_and_ids_change_nothing():
    names = [f"protein{k}" for k in range(len(TRUTH) * 4)]
    truth, guesses = _renamed(TRUTH * 4, names), _renamed(_noisy(), names)
    first = evaluate(truth, guesses, resamples=50).metrics
    generator = random.Random(1)
    other = [f"x{name}" for name in generator.sample(names, len(names))]
    truth, guesses = _renamed(truth, other), _renamed(guesses, other)
    generator.shuffle(truth)
    generator.shuffle(guesses)
    second = evaluate(truth, guesses, resamples=50).metrics
    assert dict(_values(first)) == dict(_values(second))
    assert first["type_head"]["micro"]["n"] == len(names)
    assert first["residue"]["log_loss"]["value"] > 0


def test_type_probabilities_are_judged_by_the_true_type():
    """Sure and right four times, 0.6 sure and wrong once."""
    sure = [replace(p, type_probabilities=np.eye(5)[TYPES.index(p.type)]) for p in RIGHT]
    unsure = np.full(5, 0.1)
    unsure[(TYPES.index(RIGHT[4].type) + 1) % 5] = 0.6
    guesses = [*sure[:4], replace(RIGHT[4], type_probabilities=unsure)]
    head = evaluate(TRUTH, guesses, resamples=0).metrics["type_head"]
    assert head["micro"]["value"] == pytest.approx(0.8)
    assert head["calibration_error"]["value"] == pytest.approx(0.6 / 5)
    assert head["brier"]["value"] == pytest.approx(0.36 / 5)
    assert head["calibration_error"]["n"] == 5
    assert head["reliability"]["count"] == [1, 4]
    # A prediction without them, from another tool, adds nothing.
    some = evaluate(TRUTH, [*sure[:4], RIGHT[4]], resamples=0).metrics["type_head"]
    assert (some["calibration_error"]["n"], some["calibration_error"]["value"]) == (4, 0)


def test_bootstrap_is_seeded_and_holds_the_value():
    one, two = (evaluate(TRUTH, [*RIGHT[:4], _prediction(TRUTH[4], "I" * 146)]) for _ in "ab")
    assert one.metrics == two.metrics
    entry = one.metrics["type"]["micro"]
    assert entry["low"] < entry["value"] == 0.8 < entry["high"]
    assert entry["n"] == 5


def test_alignment_reports_everything():
    truth = [*TRUTH, Protein("bare", "AAAA"), Protein("short", "ACDEF", "IIIII")]
    other = Prediction("renamed", TRUTH[3].sequence, "I" * 50, "GLOB")
    gff = replace(RIGHT[0], sequence="X" * 60)
    short = Prediction("short", "ACD", "III", "GLOB")
    extra = Prediction("stranger", "WWWW", "IIII", "GLOB")
    found = pair_records(truth, [RIGHT[1], RIGHT[1], gff, other, short, extra])
    assert [(p.truth.id, p.prediction.id, p.matched_by) for p in found.pairs] == [
        ("tm", "tm", "id"),
        ("sptm", "sptm", "id"),
        ("glob", "renamed", "sequence"),
    ]
    assert found.problems() == {
        "missing": ["sp", "beta"],
        "unlabelled": ["bare"],
        "length_differs": ["short"],
        "sequence_differs": [],
        "doubled_truth": [],
        "doubled_predictions": ["sptm"],
        "extra": ["stranger"],
    }


def test_a_prediction_whose_protein_is_paired_with_another_is_named():
    short = Prediction("tm", "ACD", "III", "GLOB")
    found = pair_records(TRUTH[:1], [short, replace(RIGHT[0], id="other")])
    assert [pair.prediction.id for pair in found.pairs] == ["other"]
    assert found.extra == ("tm",)


records = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["MK", "MKT", "WW"])))


@given(records, records)
def test_every_prediction_is_scored_or_named(true: list, predicted: list):
    truth = [Protein(name, text, "I" * len(text) if text != "WW" else None) for name, text in true]
    guesses = [Prediction(name, text, "I" * len(text), "GLOB") for name, text in predicted]
    found = pair_records(truth, guesses)
    scored = [pair.prediction for pair in found.pairs]
    named = {name for names in found.problems().values() for name in names}
    for guess in guesses:
        assert guess.id in named or any(guess is prediction for prediction in scored)


def test_nothing_in_common_is_an_error():
    with pytest.raises(TopoError, match="no prediction belongs"):
        evaluate(TRUTH, [Prediction("q", "AC", "II", "GLOB")])


def test_compare_says_who_wins_and_where():
    worse = [_prediction(TRUTH[0], "I" * 60), *RIGHT[1:]]
    found = compare(TRUTH, {"a": RIGHT, "b": worse, "c": RIGHT}, resamples=200)
    assert found.differing == (("tm", ("right", "wrong type (GLOB)", "right")),)
    pairs = {(pair["first"], pair["second"]): pair["figures"] for pair in found.metrics["pairs"]}
    micro = pairs["a", "b"]["type.micro"]
    assert micro["difference"] == pytest.approx(0.2)
    assert micro["larger_first"] > 0.5
    assert micro["larger_second"] == 0
    assert micro["larger_first"] + micro["tie"] == pytest.approx(1)
    assert pairs["a", "c"]["type.micro"]["tie"] == 1
    back = compare(TRUTH, {"b": worse, "a": RIGHT}, resamples=200).metrics["pairs"][0]
    assert back["figures"]["type.micro"]["larger_second"] == micro["larger_first"]


def test_written_files(tmp_path):
    guesses = [_prediction(TRUTH[0], "I" * 60), *_noisy()[1:5]]
    left = [tmp_path / f".{name}" for name in ("metrics.json.a1b2c3d4.json", "x.a1b2c3d4.png")]
    for path in left:  # of a process that was killed, and of another program
        path.touch()
    write_evaluation(evaluate(TRUTH, guesses, resamples=10), tmp_path)
    assert [path.exists() for path in left] == [False, True]
    types = ("type_confusion", "type_head_confusion", "type_head_reliability")
    for name in (*types, "residue_confusion", "reliability"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()
    document = json.loads((tmp_path / "metrics.json").read_text())
    assert document["environment"]["python"]
    assert document["type"]["accuracy"]["TM"]["value"] == 0
    header, first, *rest = (tmp_path / "proteins.tsv").read_text().splitlines()
    row = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    assert (row["id"], row["truth_type"], row["predicted_type"]) == ("tm", "TM", "GLOB")
    assert row["topology"] == "wrong type"
    assert len(rest) == 4
    page = (tmp_path / "report.html").read_text()
    assert "truth above prediction, 60 residues" in page
    assert "src=" not in page
    assert "<script" not in page


def _write(records: list, path) -> str:
    lines = [f">{r.id} | {protein_type(r.labels)}\n{r.sequence}\n{r.labels}\n" for r in records]
    path.write_text("".join(lines))
    return str(path)


def test_command_line(tmp_path):
    truth = str(tmp_path / "truth.3line")
    write_three_line(TRUTH, truth)
    good = _write(RIGHT, tmp_path / "good.3line")
    bad = _write([_prediction(TRUTH[0], "I" * 60), *RIGHT[1:4]], tmp_path / "bad.3line")
    run = CliRunner().invoke
    out = tmp_path / "out"
    result = run(app, ["evaluate", "--truth", truth, "--predictions", bad, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "4 proteins scored of 5" in result.output
    assert "1 without a prediction: beta" in result.output
    source = json.loads((out / "metrics.json").read_text())["source"]
    assert len(source["truth"]["sha256"]) == 64
    result = run(app, ["compare", "--truth", truth, good, bad, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "1 proteins on which the predictors differ" in result.output
    assert (out / "differences.tsv").read_text().splitlines()[1].startswith("tm\tright\twrong")
    result = run(app, ["evaluate", "--truth", truth])
    assert isinstance(result.exception, TopoError)
    result = run(app, ["compare", "--truth", truth, good])
    assert isinstance(result.exception, TopoError)


@pytest.mark.parametrize("suffix", ["3line", "jsonl"])
def test_labels_of_any_letters_are_scored(tmp_path, suffix: str):
    truth = str(tmp_path / "truth.3line")
    write_three_line(TRUTH, truth)
    odd = [_prediction(TRUTH[0], "x" * 30 + "é?" * 15), *RIGHT[1:]]
    text = {
        "3line": "".join(f">{p.id}\n{p.sequence}\n{p.labels}\n" for p in odd),
        "jsonl": "".join(map(jsonl_record, odd)),
    }
    given, cut = tmp_path / f"odd.{suffix}", tmp_path / "cut"
    given.write_text(text[suffix], "utf-8")
    cut.write_text(text[suffix].replace("é", "", 1), "utf-8")
    good = _write(RIGHT, tmp_path / "good.3line")
    out = tmp_path / "out"
    run = CliRunner().invoke
    result = run(app, ["evaluate", "--truth", truth, "--predictions", str(given), "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "5 proteins scored of 5" in result.output
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["type"]["micro"]["value"] == 0.8
    result = run(app, ["compare", "--truth", truth, good, str(given)])
    assert result.exit_code == 0, result.output
    assert "tm: right | wrong type" in result.output
    for other in (
        ["evaluate", "--truth", truth, "--predictions"],
        ["compare", "--truth", truth, good],
    ):
        assert "59 labels" in str(run(app, [*other, str(cut)]).exception)
    for arguments in (
        ["evaluate", "--truth", str(given), "--predictions", good],
        ["convert", str(given), str(out / "x.gff3")],
    ):
        assert isinstance(run(app, arguments).exception, TopoError)


@pytest.mark.data
def test_peers_published_figures(data_dir):
    truth = list(read_proteins(f"{data_dir}/topology/deeptmhmm.partitions.json:cv4"))
    guesses = list(read_predictions(data_dir / "peers" / "deeptmhmm_cv4.3line"))
    evaluation = evaluate(truth, guesses, resamples=100)
    metrics = evaluation.metrics
    assert metrics["alignment"]["scored"] == 713
    assert metrics["alignment"]["missing"] == ["Q61420"]

    def shown(entry: dict, digits: int = 3) -> str:
        return f"{entry['value']:.{digits}f}"

    types = {name: shown(entry) for name, entry in metrics["type"]["accuracy"].items()}
    topologies = {name: shown(entry) for name, entry in metrics["topology"]["accuracy"].items()}
    common = {"SP": "0.965", "GLOB": "0.973"}
    assert types == {"TM": "0.974", "SP+TM": "1.000", "BETA": "1.000"} | common
    assert topologies == {"TM": "0.868", "SP+TM": "0.952", "BETA": "0.688"} | common
    assert shown(metrics["type"]["macro"], 4) == "0.9822"
    assert shown(metrics["type"]["micro"], 4) == "0.9719"
    assert shown(metrics["topology"]["overlap"], 4) == "0.9523"
    assert shown(metrics["residue"]["accuracy"], 4) == "0.9685"


@pytest.mark.data
@pytest.mark.slow
def test_speed(data_dir):
    truth = list(read_proteins(f"{data_dir}/topology/tmbed.3line"))[:3500]
    guesses = [_prediction(protein, protein.labels.replace("-", "I")) for protein in truth]
    start = time.process_time()
    evaluation = evaluate(truth, guesses, resamples=1000)
    assert time.process_time() - start < 10
    assert evaluation.metrics["alignment"]["scored"] == 3500


FORMATS = ["3line", "tmrs", "gff3", *(f"tmbed{n}" for n in range(5))]


@pytest.mark.parametrize("form", FORMATS)
def test_all_formats_are_scored(tmp_path, form: str):
    from topo.io.writers import open_writers

    with open_writers(tmp_path, [form]) as writers:
        for prediction in RIGHT:
            codes = ["IOPSMB".index(letter) for letter in prediction.labels]
            writers.write(replace(prediction, probabilities=np.eye(6, dtype="f4")[codes]))
    (file,) = writers.files
    metrics = evaluate(TRUTH, list(read_predictions(tmp_path / file)), resamples=0).metrics
    assert metrics["alignment"]["by_id"] == 5
    assert metrics["topology"]["overlap"]["value"] == 1
    assert metrics["type"]["micro"]["value"] == 1


def test_split_of_a_run_is_written_into_the_run(tmp_path, monkeypatch):
    import topo.inference

    asked = []

    def predict_split(run, split, decoder):
        asked.append((run, split))
        return TRUTH, RIGHT, tmp_path / "latest"

    monkeypatch.setattr(topo.inference, "predict_split", predict_split)
    result = CliRunner().invoke(app, ["evaluate", "--split", "validation", "--resamples", "10"])
    assert result.exit_code == 0, result.output
    assert asked == [(None, "validation")]
    assert (tmp_path / "latest/evaluation/validation/report.html").exists()
