"""Reading prediction files back: round trips, foreign files, and files broken in every way."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest
from golden_proteins import prediction, proteins
from hypothesis import given, settings
from hypothesis import strategies as st

from topo.errors import InputError, TopoError
from topo.io.ids import plain_id
from topo.io.output_formats import DEFAULT_FORMATS
from topo.io.readers import read_predictions
from topo.io.tmbed import from_tmbed, tmbed_letters
from topo.io.writers import open_writers
from topo.labels import LABEL_INDEX, LABELS, UNKNOWN, encode_labels
from topo.protein import Prediction
from topo.report.outputs import open_outputs

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
LOSSLESS_LABELS = ["predicted_topologies.3line", "topologies.gff3", "predictions.jsonl"]
LOSSLESS_LABELS += [f"tmbed{n}.pred" for n in range(5)]


def write(folder: Path, formats: list[str], *records: Prediction) -> Path:
    with open_writers(folder, formats) as writers:
        for record in records:
            writers.write(record)
    return folder / writers.files[0]


@pytest.mark.parametrize("file", LOSSLESS_LABELS)
def test_golden_files_read_back(file: str) -> None:
    own_ids = file.endswith(("gff3", "jsonl"))
    for found, expected in zip(read_predictions(GOLDEN / file), proteins(), strict=True):
        assert found.id == (expected.id if own_ids else plain_id(expected.id))
        assert (found.labels, found.type) == (expected.labels, expected.type)
        unknown = file.endswith("gff3")
        assert found.sequence == ("X" * len(expected) if unknown else expected.sequence)
        if file.endswith(("gff3", "jsonl")):
            assert found.confidence == expected.confidence


def test_tmrs_reads_back_but_for_a_helix_at_residue_1() -> None:
    for found, expected in zip(read_predictions(GOLDEN / "TMRs.gff3"), proteins(), strict=True):
        labels = expected.labels
        if expected.id == "helix.first":
            labels = "I" + labels[1:]
        assert (found.id, found.labels) == (plain_id(expected.id), labels)
        assert found.type == expected.type


def test_probabilities_read_back_from_jsonl_and_tables() -> None:
    for file, tolerance in (("predictions.jsonl", 1e-5), ("tmbed2.pred", 0.021)):
        for found, expected in zip(read_predictions(GOLDEN / file), proteins(), strict=True):
            if expected.probabilities is None:
                assert found.probabilities is None
                continue
            assert found.probabilities.dtype == np.float32
            np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
            np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=tolerance)


def read_probabilities_csv(path: Path) -> tuple[str, str, np.ndarray]:
    """Read one ``ID_probs.csv``: id, sequence and probabilities (R, 6) in index order."""
    title, header, *rows = path.read_text().splitlines()
    assert title.startswith("# ")
    assert header == "#AA,Beta,Periplasm,Membrane,Inside,Outside,Signal"
    places, values = zip(*(row.split(",", 1) for row in rows), strict=True)
    numbers, residues = zip(*(place.split(" ") for place in places), strict=True)
    assert [int(number) for number in numbers] == list(range(len(rows)))
    table = np.zeros((len(rows), 6), dtype=np.float32)
    table[:, [LABEL_INDEX[label] for label in "BPMIOS"]] = [row.split(",") for row in values]
    return title[2:], "".join(residues), table


def test_probabilities_csv_reads_back() -> None:
    expected = proteins()[0]
    name, sequence, table = read_probabilities_csv(GOLDEN / "deeptmhmm" / "sp_P1_TM2_probs.csv")
    assert (name, sequence) == (expected.id, expected.sequence)
    np.testing.assert_allclose(table, expected.probabilities, atol=1e-5)


ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), min_size=1)
any_labels = st.text("".join([*LABELS, UNKNOWN]), min_size=1, max_size=40)


@settings(max_examples=60)
@given(st.lists(st.tuples(ids, any_labels), min_size=1, max_size=4))
def test_any_labels_and_ids_survive(tmp_path_factory, records) -> None:
    folder = tmp_path_factory.mktemp("trip")
    written = [Prediction(name, "A" * len(text), text, None) for name, text in records]
    with open_writers(folder, ["3line", "gff3", "tmrs", "jsonl"]) as writers:
        for record in written:
            writers.write(record)
    for file in ("predicted_topologies.3line", "topologies.gff3", "predictions.jsonl"):
        if file == "topologies.gff3" and len({name for name, _ in records}) < len(records):
            continue
        found = list(read_predictions(folder / file))
        assert [p.labels for p in found] == [p.labels for p in written]
        spell = plain_id if file.endswith("3line") else str
        assert [p.id for p in found] == [spell(p.id) for p in written]
    if any(plain_id(p.id) != p.id for p in written):
        mapping = (folder / "ids.tsv").read_text("utf-8").split("\n")[1:-1]
        assert [line.split("\t")[1] for line in mapping] == [
            plain_id(p.id) for p in written if plain_id(p.id) != p.id
        ]
    else:
        assert not (folder / "ids.tsv").exists()


def barrel(strands: int, loop: int) -> str:
    return "PP" + "".join(
        "B" * 9 + ("O" * loop if k % 2 == 0 else "P" * loop) for k in range(strands)
    )


@pytest.mark.parametrize("form", range(5))
@pytest.mark.parametrize(
    "labels",
    [
        "I" * 9,
        "III" + "M" * 20 + "OO",
        "O" + "M" * 20,
        "M" * 20 + "II",
        "S" * 18 + "O" * 9,
        "S" * 18 + "OO" + "M" * 20 + "II" + "M" * 20 + "O",
        "S" * 20 + barrel(8, 3),
        barrel(3, 1),
    ],
)
def test_tmbed_letters_turn_back_into_labels(labels: str, form: int) -> None:
    assert from_tmbed(tmbed_letters(labels, form)) == labels


def test_tmbed_directions() -> None:
    assert tmbed_letters("IMMOMMI", 0) == ".HH.hh."
    assert tmbed_letters("IMMOMMI", 1) == "iHHoHHi"
    assert tmbed_letters("PBBOBBP", 4) == "iBBobbi"


def test_gff3_with_all_regions_first_and_foreign_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.gff3"
    row = "{}\tsrc\t{}\t{}\t{}\t.\t.\t.\tNote=x\n"
    path.write_text(
        "##gff-version 3\n##sequence-region a 1 9\n##sequence-region b 1 5\n"
        + row.format("a", "polypeptide", 1, 9)
        + row.format("a", "transmembrane_polypeptide_region", 3, 6)
        + row.format("b", "signal_peptide", 1, 2)
    )
    assert [(p.id, p.labels) for p in read_predictions(path)] == [
        ("a", "--MMMM---"),
        ("b", "SS---"),
    ]


def test_tmrs_with_four_columns_and_without_lengths(tmp_path: Path) -> None:
    path = tmp_path / "x.gff3"
    path.write_text("##gff-version 3\na\tinside\t1\t3\na\tTMhelix\t4\t6\nb\toutside\t1\t2\n")
    assert [(p.id, p.labels) for p in read_predictions(path)] == [("a", "IIIMMM"), ("b", "OO")]


def test_gzip_and_windows_line_ends(tmp_path: Path) -> None:
    data = (GOLDEN / "TMRs.gff3").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "x.gz").write_bytes(gzip.compress(data))
    expected = [p.labels for p in read_predictions(GOLDEN / "TMRs.gff3")]
    assert [p.labels for p in read_predictions(tmp_path / "x.gz")] == expected


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "", "is empty"),
        ("hello\n", ":1:", "expected 3-line"),
        (">a | TM\nMM\nMMM\n", ":3:", "3 labels"),
        (">a\nMK\n..\n>b\nMK\n", ":5:", "expected the labels of b"),
        (">a\nMK\n.H\n>b\nMK\n.x\n", ":6:", "found label 'x'"),
        (">a\nMK\n.H\n>b\nMK\n.\n", ":6:", "1 labels"),
        (">a\nAA\tPRD\tP(B)\tP(H)\tP(S)\tP(i)\tP(o)\nM\ti\t0\t0\t0\t1\n", ":3:", "5 prob"),
        (">a\nAA\tPRD\tP(B)\tP(H)\tP(S)\tP(i)\tP(o)\nM\ti\t0\t0\t0\t1\tq\n", ":3:", "5 prob"),
        ("##gff-version 3\n# a Length: 5\na\tinside\t1\t6\n", ":3:", "within 5"),
        ("##gff-version 3\n# a Length: five\n", ":2:", "whole number"),
        ("##gff-version 3\na\tinside\t1\t3\na\toutside\t3\t4\n", ":3:", "after 3"),
        ("##gff-version 3\na\tloop\t1\t3\n", ":2:", "found segment 'loop'"),
        ("##gff-version 3\n# a Length: 5\na\tinside\n", ":3:", "2 columns"),
        ("##gff-version 3\n##sequence-region a 2 5\n", ":2:", "starts at 1"),
        ("##gff-version 3\n##sequence-region a 1 5\na\tx\n", ":3:", "expected 9"),
        (
            "##gff-version 3\n##sequence-region a 1 5\na\tx\tsignal_peptide\t1\t9\t.\t.\t.\t.\n",
            ":3:",
            "1 to 5",
        ),
        ('{"id": "a"}\n', ":1:", "'sequence'"),
        ('{"id": "a", "sequence": "M", "labels": "I"}\n{"id"\n', ":2:", "no JSON"),
        ('{"id": "a", "sequence": "M", "labels": "x"}\n', ":1:", "found label 'x'"),
        ('{"id": "a", "sequence": "M", "labels": "I", "probabilities": [1]}\n', ":1:", "(1, 6)"),
    ],
)
def test_broken_files_name_the_place(tmp_path: Path, text: str, place: str, words: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        list(read_predictions(path))
    message = str(caught.value)
    assert str(path) in message
    assert place in message
    assert words in message
    assert "\n" not in message


def test_reading_streams(tmp_path: Path) -> None:
    path = tmp_path / "x.3line"
    path.write_text(">a | TM\nMMM\nIMO\n" * 5 + "broken")
    reader = read_predictions(path)
    assert [next(reader).labels for _ in range(5)] == ["IMO"] * 5
    with pytest.raises(InputError):
        next(reader)


def test_a_failed_run_leaves_the_old_files(tmp_path: Path) -> None:
    write(tmp_path, ["3line", "tmrs"], proteins()[0])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail() -> None:
        with open_writers(tmp_path, ["3line", "tmrs"]) as writers:
            writers.write(proteins()[1])
            assert {p.name for p in tmp_path.iterdir() if p.name[0] != "."} == set(before)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_formats_that_share_a_file_write_it_once(tmp_path: Path) -> None:
    with open_writers(tmp_path, ["3line", "deeptmhmm", "3line"]) as writers:
        writers.write(prediction("a", "MK", "II", None))
    assert writers.files.count("predicted_topologies.3line") == 1
    assert len(list(read_predictions(tmp_path / "predicted_topologies.3line"))) == 1


def test_a_later_run_forgets_old_spellings(tmp_path: Path) -> None:
    write(tmp_path, ["3line"], prediction("a b", "MK", "II", None))
    assert (tmp_path / "ids.tsv").read_text() == "id\twritten_as\na b\ta%20b\n"
    write(tmp_path, ["3line"], prediction("ab", "MK", "II", None))
    assert not (tmp_path / "ids.tsv").exists()


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TopoError, match="expected one of 3line"), open_writers(tmp_path, ["gff"]):
        pass
    with (
        pytest.raises(TopoError, match="csv, npz"),
        open_writers(tmp_path, ["3line"], probabilities="txt"),
    ):
        pass
    assert "html" in DEFAULT_FORMATS
    assert not list(tmp_path.iterdir())


@pytest.mark.data
def test_a_published_prediction_file_survives_every_format(data_dir: Path, tmp_path: Path) -> None:
    """DeepTMHMM's own predictions: read, written in all formats, read again."""
    source = list(read_predictions(data_dir / "peers" / "deeptmhmm_cv4.3line"))
    assert len(source) == 713
    formats = ["3line", "tmrs", "gff3", "jsonl", *(f"tmbed{n}" for n in range(5))]
    with open_writers(tmp_path, formats) as writers:
        for record in source:
            writers.write(record)
    for file in writers.files:
        found = list(read_predictions(tmp_path / file))
        assert [p.id for p in found] == [p.id for p in source]
        for before, after in zip(source, found, strict=True):
            if file == "TMRs.gff3" and before.labels.startswith("M"):
                continue
            expected, labels = before.labels, after.labels
            if file.startswith("tmbed") and not {"M", "B"} & set(expected):
                # without a membrane segment TMbed's letters do not tell I, O and P apart
                expected, labels = expected.rstrip("IOP"), labels.rstrip("IOP")
            assert labels == expected, f"{file}: {before.id}"


@pytest.mark.slow
def test_writing_is_a_small_part_of_predicting(tmp_path: Path) -> None:
    """All default files of 2,000 proteins: 0.5 ms each, where predicting one takes 11 ms."""
    labels = "I" * 100 + "M" * 21 + "O" * 200 + "M" * 21 + "I" * 158
    exact = np.eye(6, dtype=np.float32)[encode_labels(labels)]
    weights = np.exp(-(np.arange(-20, 21) ** 2) / 50)  # uncertain ends
    smooth = [np.convolve(column, weights / weights.sum(), "same") for column in exact.T]
    probabilities = np.array(smooth, dtype=np.float32).T
    probabilities /= probabilities.sum(1, keepdims=True)
    start = time.process_time()
    with open_outputs(tmp_path, plots="none") as outputs:
        for i in range(2000):
            outputs.write(Prediction(f"p{i}", "A" * 500, labels, "TM", probabilities))
    assert time.process_time() - start < 2
    assert (tmp_path / "report.html").stat().st_size > 100_000
