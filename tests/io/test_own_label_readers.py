"""Files with labels beyond the six: readers, conversion, evaluation and comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import command

from topo.errors import InputError, TopoError
from topo.io import read_labelled, read_predictions
from topo.io.convert import convert
from topo.io.grammar import load_grammar
from topo.io.writers import open_writers
from topo.labels.scheme import SIX, LabelScheme
from topo.metrics.comparison import compare
from topo.metrics.evaluation import evaluate
from topo.metrics.own_labels import in_common_labels
from topo.protein import Prediction, Protein

CONFIGS = Path(__file__).parents[2] / "configs" / "labels"
FILES = {"extended": CONFIGS / "extended.yaml", "own": CONFIGS / "helix-strand-coil.yaml"}
SCHEMES = {name: load_grammar(path).scheme for name, path in FILES.items()}
LABELS = {
    "extended": [
        "I" * 12 + "M" * 20 + "O" * 9 + "R" * 17 + "O" * 8 + "M" * 20 + "I" * 5,
        "T" * 20 + "I" * 30,
        "S" * 18 + "O" * 25,
    ],
    "own": ["C" * 12 + "H" * 15 + "C" * 9, "C" * 5 + "E" * 8 + "C" * 5 + "E" * 8 + "C" * 3],
}
FORMATS = ("3line", "gff3", "jsonl")
NAMES = {
    "3line": "predicted_topologies.3line",
    "gff3": "topologies.gff3",
    "jsonl": "predictions.jsonl",
}


def predictions(name: str) -> list[Prediction]:
    scheme, found = SCHEMES[name], []
    for number, labels in enumerate(LABELS[name]):
        sequence = ("MKTAYLIVGWQE" * 20)[: len(labels)]
        letters = [scheme.index[letter] for letter in labels]
        probabilities = np.full((len(labels), len(scheme.letters)), 0.01, dtype=np.float32)
        probabilities[np.arange(len(labels)), letters] = 1.01 - 0.01 * len(scheme.letters)
        kinds = np.full(len(scheme.types), 1 / len(scheme.types), dtype=np.float32)
        kind = scheme.type_of(labels)
        found.append(
            Prediction(
                f"p{number}", sequence, labels, kind, probabilities, kinds, 0.5, scheme=scheme
            )
        )
    return found


@pytest.fixture(params=["extended", "own"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    with open_writers(tmp_path, FORMATS, scheme=SCHEMES[name]) as writers:
        for prediction in predictions(name):
            writers.write(prediction)
    return tmp_path


@pytest.mark.parametrize("form", FORMATS)
def test_written_labels_are_read_again(name: str, folder: Path, form: str) -> None:
    read = list(read_predictions(folder / NAMES[form], scheme=SCHEMES[name]))
    for found, true in zip(read, predictions(name), strict=True):
        assert (found.id, found.labels, found.type) == (true.id, true.labels, true.type)
        assert found.scheme == SCHEMES[name]
        if form == "jsonl":
            assert found.probabilities == pytest.approx(true.probabilities, abs=1e-5)
            assert found.type_probabilities == pytest.approx(true.type_probabilities, abs=1e-6)


@pytest.mark.parametrize("form", FORMATS)
def test_letters_are_refused_without_the_scheme(folder: Path, name: str, form: str) -> None:
    if form == "gff3":  # a label that is not one of the six has a term of its own
        if name == "extended":
            with pytest.warns(match="rows of other terms are passed over"):
                (first, *_) = read_predictions(folder / NAMES[form])
            assert "-" * 17 in first.labels
        else:
            with pytest.raises(InputError, match="only terms without a label"):
                list(read_predictions(folder / NAMES[form]))
        return
    with pytest.raises(InputError, match=r"found label|found 0|letters"):
        list(read_predictions(folder / NAMES[form]))


@pytest.mark.parametrize("target", [".3line", ".gff3", ".jsonl", ".json"])
@pytest.mark.parametrize("form", ["3line", "jsonl"])
def test_conversion_keeps_the_labels(name: str, folder: Path, form: str, target: str) -> None:
    output = folder / f"converted{target}"
    assert command("convert", folder / NAMES[form], output, "--grammar", FILES[name]) == 0
    read = read_labelled if target == ".json" else read_predictions
    found = [record.labels for record in read(output, scheme=SCHEMES[name])]
    assert found == LABELS[name]


def test_conversion_to_formats_of_the_six(name: str, folder: Path, capsys) -> None:
    source, grammar = folder / NAMES["3line"], ("--grammar", FILES[name])
    output = folder / "six.tmrs"
    status = command("convert", source, output, "--to", "tmrs", *grammar)
    if name == "extended":
        assert status == 0
        rows = [line.split("\t")[1] for line in output.read_text().splitlines() if line[:2] == "p0"]
        assert rows == ["inside", "TMhelix", "outside", "TMhelix", "inside"]
        return
    assert status == 2
    assert "format tmrs has the labels I O P S M B alone" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("form", FORMATS)
def test_wrong_letters_are_named(folder: Path, name: str, form: str) -> None:
    path = folder / NAMES[form]
    if form == "gff3":
        path.write_text(path.read_text().replace("\t1\t", "\t0\t", 1))
        expected = "expected"
    else:
        path.write_text(path.read_text().replace(LABELS[name][0], "Z" + LABELS[name][0][1:]))
        expected = (
            f"found label 'Z' at position 1, expected one of {' '.join(SCHEMES[name].letters)}"
        )
    with pytest.raises(InputError, match=expected):
        list(read_predictions(path, scheme=SCHEMES[name]))


def test_uniprot_features_become_the_labels_that_the_scheme_declares(tmp_path: Path) -> None:
    rows = [
        ("Transit peptide", 1, 20, "Note=Mitochondrion"),
        ("Topological domain", 21, 40, "Note=Cytoplasmic"),
        ("Intramembrane", 41, 60, "Note=Pore-forming"),
        ("Topological domain", 61, 80, "Note=Cytoplasmic"),
    ]
    lines = [f"P1\tUniProtKB\t{term}\t{a}\t{b}\t.\t.\t.\t{note}" for term, a, b, note in rows]
    path = tmp_path / "features.gff3"
    path.write_text("\n".join(["##gff-version 3", "##sequence-region P1 1 80", *lines, ""]))
    (found,) = read_predictions(path, scheme=SCHEMES["extended"])
    assert found.labels == "T" * 20 + "I" * 20 + "R" * 20 + "I" * 20
    with pytest.warns(match="Transit peptide"):
        (six,) = read_predictions(path)
    assert six.labels == "-" * 20 + "I" * 20 + "-" * 20 + "I" * 20


def worse(given: list[Prediction], letter: str, other: str) -> list[Prediction]:
    return [replace(x, labels=x.labels.replace(letter, other)) for x in given]


def truth(given: list[Prediction]) -> list[Protein]:
    return [Protein(x.id, x.sequence, x.labels) for x in given]


def test_evaluation_and_comparison_of_files(name: str, folder: Path, capsys) -> None:
    given = predictions(name)
    letter, other = ("R", "O") if name == "extended" else ("E", "C")
    with open_writers(folder / "worse", ["3line"], scheme=SCHEMES[name]) as writers:
        for prediction in worse(given, letter, other):
            writers.write(prediction)
    right, wrong = folder / NAMES["jsonl"], folder / "worse" / NAMES["3line"]
    grammar = ("--grammar", FILES[name], "--truth", folder / NAMES["3line"])
    assert command("evaluate", "--predictions", wrong, *grammar, "-o", folder / "e") == 0
    found = json.loads((folder / "e" / "metrics.json").read_text())["labels"]
    assert found["segments"]["recall"][letter]["value"] == 0
    assert found["residue"]["accuracy"]["value"] < 1
    assert ("topology" in json.loads((folder / "e" / "metrics.json").read_text())) == (
        name == "extended"
    )
    assert command("compare", right, wrong, *grammar, "-o", folder / "c", "--resamples", 50) == 0
    shown = capsys.readouterr().out
    assert f"{letter} segment F1" in shown
    (pair,) = json.loads((folder / "c" / "comparison.json").read_text())["pairs"]
    figures = pair["figures"]
    assert figures[f"labels.segments.f1.{letter}"]["difference"] == 1
    if name == "extended":  # the six-letter answer is the same
        assert figures["topology.accuracy.TM"]["difference"] == 0
    else:
        assert "topology.accuracy.TM" not in figures


def test_predictions_in_the_six_labels_are_scored_in_them() -> None:
    extended = SCHEMES["extended"]
    given = predictions("extended")
    six = [x.in_six() for x in given]
    true, found = in_common_labels(truth(given), {"a": given, "b": six}, extended)
    assert [p.labels for p in true] == [extended.to_six(x.labels) for x in given]
    assert {x.scheme for both in found.values() for x in both} == {SIX}
    metrics = compare(true, found, resamples=10).metrics
    assert metrics["pairs"][0]["figures"]["residue.accuracy"]["difference"] == 0
    assert "labels" not in evaluate(true, found["a"], resamples=0).metrics
    plain = [replace(p, labels=extended.to_six(p.labels or "")) for p in truth(given)]
    _, own = in_common_labels(plain, {"a": given}, extended)  # the truth does not know R
    assert own["a"][0].scheme is SIX


def test_labels_without_equivalents_are_not_scored_against_the_six() -> None:
    own: LabelScheme = SCHEMES["own"]
    given = predictions("own")
    six = [replace(x, scheme=SIX, labels="I" * len(x)) for x in given]
    with pytest.raises(TopoError, match="labels I O P S M B, expected H E C"):
        in_common_labels(truth(given), {"a": given, "b": six}, own)


def test_sniffing_of_three_lines_needs_no_known_letter(tmp_path: Path) -> None:
    path = tmp_path / "a.3line"
    path.write_text(">x | HELICAL\nMKTAYL\nCHHHHC\n")
    with pytest.raises(InputError):
        convert(path, tmp_path / "b.jsonl", "jsonl")
    convert(path, tmp_path / "b.jsonl", "jsonl", scheme=SCHEMES["own"])
    assert json.loads((tmp_path / "b.jsonl").read_text())["labels"] == "CHHHHC"
