"""Files of other predictors in `topo evaluate`, `compare` and `convert`."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest
from conftest import ROOT, command

from topo.errors import InputError, InputWarning
from topo.io import read_predictions, read_proteins
from topo.io.readers import read_any
from topo.metrics.evaluation import evaluate
from topo.segments import to_segments

CASES = ROOT / "tests" / "cases" / "other_programs"
TRUTH = CASES / "truth.3line"
MD5 = "0123456789abcdef0123456789abcdef"


def labels(path: Path, *, any_letter: bool = False) -> dict[str, str]:
    return {p.id: p.labels for p in read_predictions(path, any_letter=any_letter)}


def scores(path: Path) -> tuple[int, float | None, float | None]:
    """Number of scored proteins, residue accuracy and share of legal topologies."""
    truth, given = list(read_proteins(TRUTH)), list(read_predictions(path, any_letter=True))
    metrics = evaluate(truth, given, resamples=0).metrics
    accuracy, legal = metrics["residue"]["accuracy"]["value"], metrics["topology"]["legal"]["value"]
    return metrics["alignment"]["scored"], accuracy, legal


@pytest.mark.parametrize(
    "name",
    [
        "right.3line",
        "uniprot_9_columns.gff",
        "uniprot_10_columns.gff",
        "letters_TM_first.3line",
        "letters_SP_first.3line",
    ],
)
def test_equal_topologies_score_equally_in_every_dialect(name: str) -> None:
    scored, accuracy, legal = scores(CASES / name)
    assert (scored, legal) == (4, 1.0)
    assert accuracy == pytest.approx(0.9720, abs=5e-5)
    assert labels(CASES / name) == labels(CASES / "right.3line")


def test_tmhmm_long_is_read_and_has_no_signal_peptide() -> None:
    right = labels(CASES / "right.3line")
    given = labels(CASES / "tmhmm2_long.txt")
    assert given == {name: text.replace("S", "O") for name, text in right.items()}


def test_tmhmm_long_with_blanks_for_tabs(tmp_path: Path) -> None:
    path = tmp_path / "x"
    text = (CASES / "tmhmm2_long.txt").read_text()
    path.write_text(text.replace("\t", "  "))
    assert labels(path) == labels(CASES / "tmhmm2_long.txt")


def test_tmbed_format_1_is_converted(tmp_path: Path) -> None:
    assert command("convert", CASES / "tmbed_format1.pred", tmp_path / "x.3line") == 0
    assert [len(p) for p in read_proteins(tmp_path / "x.3line")] == [379, 472]


def test_the_order_of_the_records_does_not_matter(tmp_path: Path) -> None:
    records = [">a\nMKTA\nSSoo\n", ">b\nMKTA\noMMi\n", ">c\nMKTA\niiii\n", ">d\nMKTA\nSSSS\n"]
    expected = {"a": "SSOO", "b": "OMMI", "c": "IIII", "d": "SSSS"}
    path = tmp_path / "x.3line"
    for order in permutations(records):
        path.write_text("".join(order))
        assert labels(path) == expected
        assert {p.id: p.labels for p in read_any(path)} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iiHHoo", "IIMMOO"),  # TMbed
        ("ooBBii", "OOBBPP"),  # a barrel: the inner side is the periplasm
        ("ppBBoo", "PPBBOO"),
        ("IiHHOo", "IIMMOO"),  # HMMTOP, whose tails are in lower case
        ("..MMoo", "--MMOO"),
        ("IIMMOO", "IIMMOO"),
        ("--MMOO", "--MMOO"),
    ],
)
def test_letters_of_other_programs(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x.3line"
    path.write_text(f">a\nMKTAMK\n{text}\n")
    assert labels(path) == {"a": expected}


def test_unknown_letters_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.3line"
    path.write_text(">a\nMKTA\nXXYY\n")
    with pytest.raises(InputError, match="found labels 'X' 'Y', expected letters of "):
        list(read_predictions(path, any_letter=True))
    path.write_text(">a\nMKTA\niMMr\n")
    with pytest.warns(InputWarning, match="labels 'r' are none of TOPCONS.* and count as wrong"):
        assert labels(path, any_letter=True) == {"a": "IMMr"}
    with pytest.raises(InputError, match=r":3: a: found label 'r' at position 4"):
        labels(path)


def test_unknown_letters_of_json_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"id": "a", "sequence": "MKTA", "labels": "iiMM"}) + "\n")
    with pytest.warns(InputWarning, match="labels 'i' are none of topo and count as wrong"):
        labels(path, any_letter=True)
    path.write_text(path.read_text().replace("iiMM", "iioo"))
    with pytest.raises(InputError, match="found labels 'i' 'o', expected letters of"):
        labels(path, any_letter=True)


def test_a_stop_in_a_prediction_is_an_unknown_residue(tmp_path: Path) -> None:
    target = tmp_path / "x.jsonl"
    assert command("convert", CASES / "deeptmhmm_internal_stop.3line", target) == 0
    sequences = [json.loads(line)["sequence"] for line in target.read_text().splitlines()]
    assert sequences[0][59:62] == "FXN"
    path = tmp_path / "x.3line"
    path.write_text(">a\nM*TA*\niMMoo\n>b\nMK*\niM\n")
    assert [(p.sequence, p.labels) for p in read_predictions(path)] == [
        ("MXTA", "IMMO"),
        ("MK", "IM"),
    ]
    path.write_text(">a\nM*TA*\niHHoo\n")
    assert [(p.sequence, p.labels) for p in read_predictions(path)] == [("MXTA", "IMMO")]
    path.write_text(">a\nM*TA\n")
    with pytest.raises(InputError, match=r"found '\*' at position 2"):
        list(read_proteins(path))


UNIPROT = "##gff-version 3\n##sequence-region a 1 20\n"


def test_uniprot_terms_without_a_label_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.gff"
    row = "a\tUniProtKB\t{}\t{}\t{}\t.\t.\t.\t{}\t\n"
    path.write_text(
        UNIPROT
        + row.format("Signal peptide", "?", 4, ".")
        + row.format("Chain", 1, 20, "ID=PRO_1")
        + row.format("Transmembrane", 5, 9, "Note=Helical;Ontology_term=ECO:1")
        + row.format("Topological domain", 10, 12, "Note=Periplasmic")
        + row.format("Glycosylation", 2, 2, "Note=N-linked")
    )
    with pytest.warns(InputWarning, match=r"Chain \(1\).*Glycosylation \(1\)"):
        assert labels(path) == {"a": "----MMMMMOOO--------"}
    path.write_text(path.read_text().replace("Helical", "Beta stranded"))
    with pytest.warns(InputWarning):
        assert labels(path) == {"a": "----BBBBBPPP--------"}


@pytest.mark.parametrize("term", ["Chain", "gene", "TRANSMEMBRANE_REGION"])
def test_a_file_without_a_known_term_is_refused(tmp_path: Path, term: str) -> None:
    path = tmp_path / "x.gff"
    path.write_text(UNIPROT + f"a\tx\t{term}\t1\t9\t.\t.\t.\tID=x\n" * 2)
    with pytest.raises(InputError, match=rf"terms without a label, {term} \(2\); expected signal"):
        labels(path)


MATCHES = [
    ("a", 30, "Pfam", "PF00001", "7tm", 1, 29),
    ("a", 30, "Phobius", "NON_CYTOPLASMIC_DOMAIN", "Region of a ...", 1, 5),
    ("a", 30, "Phobius", "TRANSMEMBRANE", "Region of a ...", 6, 20),
    ("a", 30, "Phobius", "CYTOPLASMIC_DOMAIN", "Region of a ...", 21, 30),
    ("a", 30, "TMHMM", "TMhelix", "Region of a ...", 7, 21),
    ("b", 12, "Phobius", "SIGNAL_PEPTIDE", "Signal peptide region", 1, 5),
    ("b", 12, "Phobius", "SIGNAL_PEPTIDE_H_REGION", "Hydrophobic region", 2, 4),
    ("b", 12, "Phobius", "NON_CYTOPLASMIC_DOMAIN", "Region of a ...", 6, 12),
    ("b", 12, "SignalP_EUK", "SignalP-noTM", "SignalP-noTM", 1, 6),
    ("c", 8, "SignalP_EUK", "SignalP-noTM", "SignalP-noTM", 1, 6),
]
PHOBIUS = {"a": "O" * 5 + "M" * 15 + "I" * 10, "b": "SSSSSOOOOOOO"}


def tsv(matches: list[tuple]) -> str:
    return "".join(
        f"{name}\t{MD5}\t{length}\t{program}\t{term}\t{words}\t{start}\t{end}\t-\tT\t01-01-2025\n"
        for name, length, program, term, words, start, end in matches
    )


def gff(matches: list[tuple]) -> str:
    lines = ["##gff-version 3\n", "##interproscan-version 5.72-103.0\n"]
    for name, length, program, term, words, start, end in matches:
        lines.append(f"##sequence-region {name} 1 {length}\n")
        lines.append(f"{name}\t.\tpolypeptide\t1\t{length}\t.\t+\t.\tID={name};md5={MD5}\n")
        lines.append(
            f"{name}\t{program}\tprotein_match\t{start}\t{end}\t.\t+\t.\t"
            f"date=01-01-2025;Target={name} {start} {end};signature_desc={words};Name={term}\n"
        )
    return "".join(lines) + "##FASTA\n>a\nMKT\n"


@pytest.mark.parametrize("layout", [tsv, gff])
def test_interproscan_gives_the_topologies_of_one_program(tmp_path: Path, layout) -> None:
    path = tmp_path / "x"
    path.write_text(layout(MATCHES))
    with pytest.warns(InputWarning, match=r"Pfam \(1\)") as caught:
        assert labels(path) == PHOBIUS
    assert "SignalP_EUK (2)" in str(caught[0].message)
    assert "TMHMM (1)" in str(caught[0].message)


@pytest.mark.parametrize("layout", [tsv, gff])
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("TMHMM", "TMhelix", 3, 6)], "--MMMM----"),
        ([("SignalP_GRAM_NEGATIVE", "SignalP-TM", 1, 4)], "SSSS------"),
        ([("SIGNALP", "SP", 1, 4)], "SSSS------"),
        ([("TMbed", "Signal_peptide", 1, 2), ("TMbed", "TMhelix_out-to-in", 5, 7)], "SSOOMMMIII"),
        ([("TMbed", "TMhelix_in-to-out", 3, 6)], "IIMMMMOOOO"),
        ([("TMbed", "TMbeta_out-to-in", 3, 6)], "OOBBBBPPPP"),
        (
            [
                ("DeepTMHMM", "signal", 1, 2),
                ("DeepTMHMM", "periplasm", 3, 4),
                ("DeepTMHMM", "Beta sheet", 5, 8),
                ("DeepTMHMM", "outside", 9, 10),
            ],
            "SSPPBBBBOO",
        ),
    ],
)
def test_programs_that_interproscan_runs(tmp_path: Path, layout, rows, expected: str) -> None:
    path = tmp_path / "x"
    path.write_text(layout([("a", 10, name, term, "-", *place) for name, term, *place in rows]))
    assert labels(path) == {"a": expected}
    assert {p.id: p.labels for p in read_any(path)} == {"a": expected}


def test_interproscan_without_a_topology_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(tsv(MATCHES[:1]))
    with pytest.raises(InputError, match=r"a label, Pfam \(1\); expected rows of DeepTMHMM"):
        labels(path)
    path.write_text(tsv([("a", 30, "TMHMM", "TMhelix", "-", 7, 31)]))
    with pytest.raises(InputError, match=":1: found residues 7-31, expected 1 to 30"):
        labels(path)


def test_the_format_can_be_forced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fasta = CASES / "label_like_tail.fasta"
    assert command("convert", fasta, tmp_path / "x.fa", "--input-format", "fasta") == 0
    assert (tmp_path / "x.fa").read_text() == fasta.read_text()
    given = CASES / "letters_SP_first.3line"
    evaluate = ["evaluate", "--truth", TRUTH, "--resamples", "0", "--predictions", given]
    assert command(*evaluate, "--input-format", "3line") == 0
    capfd.readouterr()
    assert command(*evaluate, "--input-format", "tmbed") == 2
    assert "found label 'M'" in capfd.readouterr().err
    assert command(*evaluate, "--input-format", "xyz") == 2
    error = capfd.readouterr().err
    assert "unknown input format 'xyz', expected one of 3line, deeptmhmm2, gff3" in error
    compare = ["compare", "--truth", TRUTH, given, CASES / "right.3line"]
    assert command(*compare, "--resamples", "10", "--input-format", "3line") == 0
    assert "0 proteins on which the predictors differ" in capfd.readouterr().out


@pytest.mark.parametrize("kind", ["gff3", "tmrs", "tsv"])
def test_a_small_file_cannot_ask_for_much_memory(tmp_path: Path, kind: str) -> None:
    path, length, lines = tmp_path / "x", 10_000_000, []
    for number in range(300):
        lines += {
            "gff3": [f"##sequence-region a{number} 1 {length}\n"],
            "tmrs": [f"# a{number} Length: {length}\n"],
            "tsv": [f"a{number}\t{MD5}\t{length}\tTMHMM\tTMhelix\t-\t7\t31\t-\tT\tx\n"],
        }[kind]
    path.write_text({"gff3": "##gff-version 3\n"}.get(kind, "") + "".join(lines))
    with pytest.raises(InputError, match="found 20000000 residues in all proteins up to a1"):
        list(read_predictions(path))


def _tmhmm_short(name: str, text: str) -> str:
    helices = [s for s in to_segments(text) if s.label == "M"]
    sides = [text[0].lower(), *(text[s.end].lower() for s in helices)]
    parts = [f"{s.start + 1}-{s.end}{side}" for s, side in zip(helices, sides[1:], strict=True)]
    number = f"ExpAA=1.00\tFirst60=0.00\tPredHel={len(helices)}"
    return f"{name}\tlen={len(text)}\t{number}\tTopology={sides[0]}{''.join(parts)}\n"


def _phobius_long(name: str, text: str) -> str:
    words = {"S": ("SIGNAL", ""), "M": ("TRANSMEM", ""), "I": ("TOPO_DOM", "CYTOPLASMIC."),
             "O": ("TOPO_DOM", "NON CYTOPLASMIC.")}  # fmt: skip
    rows = []
    for label, start, end in to_segments(text):
        word, note = words[label]
        rows.append(f"FT   {word:<8} {start + 1:6} {end:6}       {note}\n")
        if label == "S":
            rows.append(f"FT   DOMAIN   {1:6} {8:6}       N-REGION.\n")
    return f"ID   {name}\n{''.join(rows)}//\n"


@pytest.mark.parametrize(("write", "signal"), [(_tmhmm_short, "O"), (_phobius_long, "S")])
def test_tmhmm_short_and_phobius_long_are_read(write, signal: str, tmp_path: Path) -> None:
    given = labels(CASES / "right.3line")
    right = {name: text.replace("S", signal) for name, text in given.items()}
    path = tmp_path / "x.txt"
    path.write_text("".join(write(name, text) for name, text in right.items()))
    assert labels(path) == right
    assert {p.id: p.labels for p in read_any(path)} == right
    assert scores(path)[0] == 4
    assert command("convert", path, tmp_path / "x.3line") == 0
    assert labels(tmp_path / "x.3line") == right


def test_the_short_format_of_tmhmm_returns_what_topo_wrote(tmp_path: Path) -> None:
    path = tmp_path / "x.short"
    assert command("convert", CASES / "right.3line", path, "--to", "tmhmm") == 0
    right = labels(CASES / "right.3line")
    assert labels(path) == {name: text.replace("S", "O") for name, text in right.items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tlen=9\tTopology=i3-12o\n", ":1: found helix 3-12, expected it after 0 and within 9"),
        ("a\tlen=30\tTopology=i9-5o\n", ":1: found helix 9-5"),
        ("a\tlen=30\tTopology=x\n", ":1: Topology: found 'x', expected e.g. i10-29o38-60i"),
        ("a\tlen=30\tPredHel=0\n", ":1: found no len= and Topology= of a"),
        ("a\tlen=99999999\tTopology=i\n", ":1: found length '99999999', expected at most"),
        ("ID   a\nFT   HELIX 1 9\n", ":2: found .FT   HELIX 1 9., expected a row SIGNAL, DOMAIN,"),
        (
            "ID   a\nFT   SIGNAL 1 9\nFT   TRANSMEM 5 9\n",
            ":3: found residues 5-9 of a, expected them",
        ),
        ("ID   a\nFT   SIGNAL 1 9\n//\nID   b\n//\n", ":5: found no row of b, expected SIGNAL,"),
        ("ID   a\nFT   SIGNAL 1 9\nXX\n", ":3: found 'XX', expected a row SIGNAL,"),
    ],
)
def test_faults_in_them_name_line_and_expectation(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_predictions(path))
