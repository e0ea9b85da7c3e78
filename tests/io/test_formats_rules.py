"""The rules of the programs that read our files, re-implemented, and some of the programs."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from golden_proteins import TIMESTAMP, prediction, proteins
from hypothesis import given, settings
from hypothesis import strategies as st

from topo import __version__
from topo.io.ids import FileNames, plain_id
from topo.io.output_formats import PREDICTION_FORMATS
from topo.io.phobius import phobius_record
from topo.io.probabilities import to_units
from topo.io.signalp import signalp_record
from topo.io.tmhmm import tmhmm_record
from topo.io.tmrs import tmrs_record
from topo.io.writers import open_writers
from topo.labels import LABELS, UNKNOWN, encode_labels

TERMS = {
    "signal_peptide",
    "transmembrane_polypeptide_region",
    "cytoplasmic_polypeptide_region",
    "non_cytoplasmic_polypeptide_region",
}
label_texts = st.text("".join([*LABELS, UNKNOWN]), min_size=1, max_size=60)
helix_topologies = st.builds(
    lambda signal, outside_first, lengths, start, end: _alternating(
        signal, outside_first, lengths, start, end
    ),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.booleans(),
    st.booleans(),
)


def _alternating(signal: bool, outside: bool, lengths: list[int], start: bool, end: bool) -> str:
    """Helices between loops of the given lengths; loops at the ends may be missing."""
    sides = "OI" if outside or signal else "IO"
    loops = [sides[k % 2] * n for k, n in enumerate(lengths)]
    if start:
        loops[0] = ""
    if end:
        loops[-1] = ""
    return ("S" * 18 if signal else "") + ("M" * 20).join(loops)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all formats of the golden set."""
    path = tmp_path_factory.mktemp("run")
    formats = [name for name in PREDICTION_FORMATS if name not in ("html", "parquet")]
    with open_writers(path, formats, timestamp=TIMESTAMP) as writers:
        for protein in proteins():
            writers.write(protein)
    return path


def rows(text: str, comments: tuple[str, ...] = ("#", "/")) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line and line[0] not in comments]


def test_tmrs_four_fields_once_trailing_empties_are_dropped(folder: Path) -> None:
    text = (folder / "TMRs.gff3").read_text("utf-8")
    table = rows(text)
    assert table
    for row in table:
        assert len(row) == 8
        while row[-1] == "":
            row.pop()
        name, word, start, end = row
        assert not re.search(r"\s", name)
        assert word in {"inside", "outside", "periplasm", "signal", "TMhelix", "Beta sheet"}
        assert 1 <= int(start) <= int(end)
    assert text.endswith("\n")
    assert not text.endswith("//\n"), "the separator stands only between records"
    assert text.count("//\n") == len(proteins()) - 1


def test_tmrs_counts_are_found_by_the_second_token(folder: Path) -> None:
    found = {}
    for line in (folder / "TMRs.gff3").read_text("utf-8").splitlines():
        if "Number of predicted TMRs:" in line:
            found[line.split()[1]] = int(line.split()[-1])
    assert found == {plain_id(p.id): sum(s.label in "MB" for s in p.segments) for p in proteins()}


def trinotate_topology(record: str) -> str:
    """Read a record as Trinotate does: fail unless sides alternate and come first."""
    last, text = "", ""
    for row in rows(record):
        word, start, end = row[1:4]
        if word in ("inside", "outside"):
            if word == last:
                raise ValueError(f"two loops {word} without a change of side")
            last, text = word, text + word[0]
        elif word == "TMhelix":
            if not last:
                raise ValueError("a helix before any side")
            text += f"{start}-{end}"
        elif word != "signal":
            raise ValueError(f"unknown word {word}")
    return text


@given(helix_topologies)
def test_tmrs_sides_alternate_and_come_before_the_first_helix(labels: str) -> None:
    if not labels or "M" not in labels:
        return
    protein = prediction("x", "A" * len(labels), labels, None)
    topology = trinotate_topology(tmrs_record(protein))
    assert re.fullmatch(r"[io](\d+-\d+[io]?)+", topology)


@given(label_texts)
def test_tmrs_a_first_helix_of_two_residues_or_more_gets_a_side(labels: str) -> None:
    protein = prediction("x", "A" * len(labels), labels, None)
    words = [row[1] for row in rows(tmrs_record(protein))]
    lengths = [int(row[3]) - int(row[2]) for row in rows(tmrs_record(protein))]
    if "TMhelix" in words and lengths[first := words.index("TMhelix")] > 0:
        assert {"inside", "outside", "periplasm"} & set(words[:first])


@given(helix_topologies)
def test_tmhmm_fields_and_alternating_topology(labels: str) -> None:
    if not labels:
        return
    fields = tmhmm_record(prediction("id|1", "A" * len(labels), labels, None)).rstrip("\n")
    name, length, expected, first60, helices, topology = fields.split("\t")
    assert name == "id|1"
    assert length == f"len={len(labels)}"
    assert re.fullmatch(r"ExpAA=\d+\.\d\d", expected)
    assert re.fullmatch(r"First60=\d+\.\d\d", first60)
    sides = re.findall(r"[io]", topology.removeprefix("Topology="))
    assert all(a != b for a, b in pairwise(sides))
    assert len(sides) == int(helices.removeprefix("PredHel=")) + 1


@given(label_texts)
def test_phobius_line_as_funannotate_reads_it(labels: str) -> None:
    line = phobius_record(prediction("x", "A" * len(labels), labels, None))
    name, helices, signal, text = line.rstrip("\n").split("\t")
    assert name == "x"
    assert int(helices) == len(re.findall(r"M+", labels))
    assert signal == ("Y" if labels.startswith("S") else "0")
    match = re.fullmatch(r"(?:n(\d+)-(\d+)c(\d+)/(\d+))?[io](?:\d+-\d+[io])*", text)
    assert match
    if signal == "Y":
        first, last, before, after = map(int, match.groups())
        assert 1 <= first <= last <= before == after - 1
        assert before == len(labels) - len(labels.lstrip("S"))


@pytest.mark.parametrize(
    ("labels", "topology"),
    [
        ("SSSPPBBBOOBBBPP", "o"),  # a barrel lies in the outer membrane
        ("PPBBBOOBBBPP", "o"),
        ("IIBBBOOBBBII", "o"),
        ("BBBBB", "o"),
        ("SSSOOO", "o"),
        ("PPPPPP", "o"),
        ("IIIIII", "i"),
        ("PPMMMMII", "o3-6i"),
        ("PPMMMM", "o3-6i"),
        ("IIMMMMOO", "i3-6o"),
    ],
)
def test_a_barrel_is_never_inside(labels: str, topology: str) -> None:
    record = prediction("x", "A" * len(labels), labels, None)
    assert tmhmm_record(record).endswith(f"\tTopology={topology}\n")
    assert re.sub(r"^n.*/\d+", "", phobius_record(record).split("\t")[3]) == f"{topology}\n"


def test_headers_are_those_that_readers_look_for(folder: Path) -> None:
    phobius = (folder / "phobius.short").read_text("utf-8").splitlines()
    assert phobius[0] == "SEQENCE ID                     TM SP PREDICTION"
    table = (folder / "prediction_results.txt").read_text("utf-8").splitlines()
    assert table[0].startswith("# SignalP-6")  # funannotate
    assert table[0].split("\t")[0].endswith(f"layout, topo-{__version__}")


def test_signalp_table(folder: Path) -> None:
    lines = (folder / "prediction_results.txt").read_text("utf-8").splitlines()
    assert lines[0].startswith("# SignalP-6.0 layout, topo-")  # funannotate looks for "# SignalP-6"
    for line, protein in zip(lines[2:], proteins(), strict=True):
        name, kind, other, signal, site = line.split("\t")
        assert name == plain_id(protein.id)
        assert kind == ("SP" if protein.labels.startswith("S") else "OTHER")
        if protein.probabilities is not None:
            assert float(other) + float(signal) == pytest.approx(1)
        match = re.fullmatch(r"CS pos: (\d+)-(\d+)\. Pr: (\d\.\d{4})", site)
        assert bool(match) == (kind == "SP")
        if match:
            assert int(match[1]) == protein.labels.count("S") == int(match[2]) - 1


def test_signalp_cleavage_probability_is_the_fall_of_the_signal() -> None:
    protein = prediction("x", "AAAA", "SSOO", None)
    protein.probabilities[:, encode_labels("S")[0]] = [0.95, 0.9, 0.25, 0.0]
    assert signalp_record(protein) == "x\tSP\t0.050000\t0.950000\tCS pos: 2-3. Pr: 0.6500\n"


def test_gff3_follows_the_specification(folder: Path) -> None:
    text = (folder / "topologies.gff3").read_text("utf-8")
    assert text.startswith("##gff-version 3\n")
    ids = re.findall(r"ID=([^;]+)", text)
    assert len(ids) == len(set(ids)), "ID attributes must differ"
    regions = dict(re.findall(r"^##sequence-region (\S+) 1 (\d+)$", text, re.MULTILINE))
    assert [unquote(name) for name in regions] == [p.id for p in proteins()]
    for row in rows(text, ("#",)):
        seqid, _, term, start, end, score, strand, phase, attributes = row
        assert re.fullmatch(r"(?:[a-zA-Z0-9.:^*$@!+_?|-]|%[0-9A-F]{2})+", seqid)
        assert term in TERMS
        assert 1 <= int(start) <= int(end) <= int(regions[seqid])
        assert score == "." or 0 <= float(score) <= 1
        assert (strand, phase) == (".", ".")
        assert all(part.count("=") == 1 for part in attributes.split(";"))


def test_gff3_biotite_reads_it(folder: Path) -> None:
    gff = pytest.importorskip("biotite.sequence.io.gff", reason="biotite is not installed")
    for name, expected in (("topologies.gff3", None), ("output.gff3", {"signal_peptide"})):
        entries = list(gff.GFFFile.read(str(folder / name)))
        assert entries
        assert {entry[2] for entry in entries} <= (expected or TERMS)
    entries = list(gff.GFFFile.read(str(folder / "topologies.gff3")))
    assert "odd id;50%=é%20|x" in {entry[0] for entry in entries}
    helix = entries[1]
    assert (helix[0], helix[3], helix[4], helix[8]["segment"]) == ("sp|P1|TM2", 4, 23, "helix")


def test_gff3_gffutils_reads_it(folder: Path) -> None:
    gffutils = pytest.importorskip("gffutils", reason="gffutils is not installed")
    database = gffutils.create_db(str(folder / "topologies.gff3"), ":memory:")
    expected = sum(len(p.segments) for p in proteins())
    assert database.count_features_of_type() == expected
    helices = [
        feature
        for feature in database.features_of_type("transmembrane_polypeptide_region")
        if feature.attributes["segment"] == ["helix"]
    ]
    assert len(helices) == sum(s.label == "M" for p in proteins() for s in p.segments)


def test_gff3_bcbio_reads_it(folder: Path) -> None:
    bcbio = pytest.importorskip("BCBio.GFF", reason="bcbio-gff is not installed")
    with open(folder / "topologies.gff3", encoding="utf-8") as stream:
        records = {unquote(record.id): record for record in bcbio.parse(stream)}
    for protein in proteins():
        spans = [(int(f.location.start), int(f.location.end)) for f in records[protein.id].features]
        assert spans == [(s.start, s.end) for s in protein.segments]


def test_mature_fasta_is_read_by_biopython(folder: Path) -> None:
    from Bio import SeqIO

    found = {r.id: str(r.seq) for r in SeqIO.parse(folder / "mature.fasta", "fasta")}
    assert found == {
        p.id: p.sequence[p.labels.count("S") :] for p in proteins() if p.labels.startswith("S")
    }


@given(st.text(max_size=12), st.text(max_size=12))
def test_plain_ids_have_no_blanks_and_stay_different(one: str, other: str) -> None:
    written = plain_id(one)
    assert written
    assert written.split() == [written]
    assert written.isprintable()
    assert written[0] not in "#>/"
    if one != other and one and other:
        assert written != plain_id(other)


@given(st.lists(st.text("aA/. |é%", max_size=4), max_size=12))
def test_file_names_are_safe_and_differ_without_regard_to_case(names: list[str]) -> None:
    files = FileNames()
    given_names = [files.name(name) for name in names]
    assert len({name.lower() for name in given_names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*", name) for name in given_names)


@given(st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=5))
def test_rounded_probabilities_still_sum_to_one(values: list[list[float]]) -> None:
    import numpy as np

    table = np.array(values) + 1e-6
    table /= table.sum(axis=1, keepdims=True)
    units = to_units(table.astype(np.float32))
    assert (units.sum(axis=1) == 100_000).all()
    assert np.abs(units / 100_000 - table).max() < 2e-5


@settings(max_examples=40)
@given(st.text(max_size=8), label_texts, st.booleans())
def test_no_writer_crashes(tmp_path_factory, name: str, labels: str, bare: bool) -> None:
    from dataclasses import replace

    known = "".join("I" if label == UNKNOWN else label for label in labels)
    protein = replace(prediction("x", "A" * len(labels), known, 0.5), id=name, labels=labels)
    if bare:
        protein = replace(protein, probabilities=None, type_probabilities=None, confidence=None)
    folder = tmp_path_factory.mktemp("any")
    formats = [name for name in PREDICTION_FORMATS if name not in ("html", "parquet")]
    with open_writers(folder, formats) as writers:
        writers.write(protein)
    for file in writers.files:
        if file not in ("mature.fasta", "processed_entries.fasta", "output.gff3"):
            assert (folder / file).stat().st_size > 0


def test_tmrs_as_isoform_switch_analyzer_reads_it(folder: Path) -> None:
    """Drops lines that begin with # or /, takes four columns, cuts ids at the pipe."""
    lines = (folder / "TMRs.gff3").read_text(encoding="utf-8").splitlines()
    table = [line.split("\t")[:4] for line in lines if line[0] not in "#/"]
    regions: dict[str, list[tuple[str, int, int]]] = {}
    for name, region, start, end in table:
        regions.setdefault(name.split("|")[0], []).append((region, int(start), int(end)))
    assert regions["secreted"] == [("signal", 1, 15), ("outside", 16, 20)]
    assert [region for region, _, _ in regions["sp"]].count("TMhelix") == 2
    for parts in regions.values():
        assert all(end + 1 == start for (_, _, end), (_, start, _) in pairwise(parts))


def test_the_files_that_nf_core_collects_are_there(tmp_path: Path) -> None:
    with open_writers(tmp_path, ["deeptmhmm"]) as writers:
        writers.write(proteins()[0])
    names = {path.name for path in tmp_path.iterdir()}
    assert {"TMRs.gff3", "predicted_topologies.3line", "deeptmhmm_results.md"} <= names
    assert any(name.endswith("_probs.csv") for name in names)
