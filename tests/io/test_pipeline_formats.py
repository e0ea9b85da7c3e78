"""Formats that pipelines read, by the conventions of their readers, and read back by topo."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import command
from golden_proteins import TIMESTAMP, proteins
from hypothesis import given
from hypothesis import strategies as st

from topo.errors import InputError
from topo.io.ids import plain_id
from topo.io.readers import parse_predictions, read_any, read_predictions
from topo.io.signal_regions import signal_regions
from topo.io.writers import open_writers
from topo.protein import Prediction

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
HELICAL = str.maketrans("PB", "OO")


def write(folder: Path, name: str, *records: Prediction) -> Path:
    with open_writers(folder, [name], timestamp=TIMESTAMP) as writers:
        for record in records or proteins():
            writers.write(record)
    return folder


def interproscan_phobius(path: Path) -> dict[str, list[tuple[str, int, int]]]:
    """InterProScan 6: blocks end with //, an ID has two fields, a feature four or five.

    Only proteins with a signal peptide or a helix count.
    """
    matches, name, found = {}, None, []
    for line in path.read_text("utf-8").splitlines():
        if line == "//":
            assert name is not None
            if any(kind in ("SIGNAL", "TRANSMEM") for kind, _, _ in found):
                matches[name] = found
            name, found = None, []
            continue
        fields = line.split(None, 4)
        if fields[0] == "ID":
            assert name is None
            assert len(fields) == 2
            name = fields[1]
        else:
            assert fields[0] == "FT"
            assert len(fields) in (4, 5)
            kind = fields[4].strip() if fields[1] == "DOMAIN" else fields[1]
            found.append((kind, int(fields[2]), int(fields[3])))
    assert name is None
    return matches


def test_phobius_long_as_interproscan_reads_it() -> None:
    found = interproscan_phobius(GOLDEN / "phobius.long")
    assert set(found) == {"sp|P1|TM2", "sptm", "secreted", "helix.first", "bare"}
    assert found["sptm"] == [
        ("SIGNAL", 1, 14),
        ("H-REGION.", 1, 11),
        ("C-REGION.", 12, 14),
        ("NON CYTOPLASMIC.", 15, 18),
        ("TRANSMEM", 19, 38),
        ("CYTOPLASMIC.", 39, 41),
    ]
    older = re.compile(r"^\w{2}\s+(\w+)\s+(\d+)\s+(\d+)\s*(|\w{11}\.|\w{3}\s\w{11}\.|\w-\w{6}\.)$")
    rows = [x for x in (GOLDEN / "phobius.long").read_text("utf-8").splitlines() if x[:2] == "FT"]
    assert all(older.match(row) for row in rows)


def test_phobius_long_reads_back_but_for_barrels() -> None:
    given_ones = [*read_predictions(GOLDEN / "phobius.long")]
    for found, expected in zip(given_ones, proteins(), strict=True):
        assert found.id == plain_id(expected.id)
        assert found.labels == expected.labels.translate(HELICAL)
    assert [p.labels for p in read_any(GOLDEN / "phobius.long")] == [p.labels for p in given_ones]


def test_deeptmhmm2_has_the_keys_of_its_readers_and_reads_back(tmp_path: Path) -> None:
    records = json.loads((GOLDEN / "predictions.json").read_text())
    for record, protein in zip(records, proteins(), strict=True):
        assert record["type"] == protein.type
        joined = ""
        names = {"inside": "I", "outside": "O", "periplasm": "P", "signal": "S", "TMhelix": "M"}
        for name, start, end in record["segments"]:
            assert start == len(joined) + 1
            joined += names.get(name, "B") * (end - start + 1)
        assert joined == record["topology_string"] == protein.labels
    for found, expected in zip(read_any(GOLDEN / "predictions.json"), proteins(), strict=True):
        assert (found.id, found.labels) == (expected.id, expected.labels)
    assert command("convert", GOLDEN / "predictions.json", tmp_path / "a.gff3") == 0
    converted = [p.labels for p in read_predictions(tmp_path / "a.gff3")]
    assert converted == [p.labels for p in proteins()]


def test_deeptmhmm2_with_segments_alone_and_without_them() -> None:
    text = (
        '[{"id": "a", "segments": [["Signal", 1, 2], ["alpha helix", 4, 5]]},'
        ' {"id": "b", "topology_string": "IIMM", "sequence": "MKVL"}]'
    )
    one, two = parse_predictions([text], "x.json")
    assert (one.labels, one.sequence) == ("SS-MM", "XXXXX")
    assert (two.labels, two.sequence, two.type) == ("IIMM", "MKVL", "TM")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"segments": []}]', "record 1: expected an object with an 'id'"),
        ('[{"id": "a", "segments": 1}]', "expected a list of segments"),
        ('[{"id": "a", "segments": [["x", 1, 2]]}]', "found segment 'x', expected tmhelix"),
        ('[{"id": "a", "segments": [["signal", 2, 1]]}]', "found residues 2-1"),
        ('[{"id": "a", "segments": [["signal", 1, true]]}]', "expected whole numbers"),
        ('[{"id": "a", "segments": [["signal", 1, 999999999999]]}]', "found residues 1-9999"),
        ('[{"id": "a", "topology_string": "XY"}]', "of the letters IOPSMB"),
        (
            '[{"id": "a", "topology_string": "II", "segments": [["outside", 1, 2]]}]',
            "the segments are not those of the topology_string",
        ),
        ('[{"id": "a", "segments": [', "found no JSON"),
        ("ID   a\nFT   SIGNAL  1  2\n", "found the end of the file, expected // after a"),
        ("ID   a\nFT   SIGNAL  2  1\n//\n", "found residues 2-1 of a"),
        ("ID   a\nFT   DOMAIN  1  2  INSIDE.\n//\n", "found domain 'INSIDE.'"),
        ("ID   a\nFT   SIGNAL  1  x\n//\n", "found end 'x'"),
        ("ID   a\nFT   SIGNAL  1  2\nID   b\n", "found another ID"),
    ],
)
def test_faults_are_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        list(parse_predictions(text.splitlines(keepends=True), "x"))


def test_signalp_json_as_interproscan_reads_it(tmp_path: Path) -> None:
    content = json.loads((GOLDEN / "output.json").read_text())
    assert len(content["SEQUENCES"]) == len(proteins())
    for protein in proteins():
        entry = content["SEQUENCES"][protein.id]
        end = len(protein.labels) - len(protein.labels.lstrip("S"))
        assert ("(Sec/SPI)" in entry["Prediction"]) == (end > 0)
        assert ("Other" in entry["Prediction"]) == (end == 0)
        if protein.probabilities is not None:
            assert len(entry["Likelihood"]) == len(entry["Protein_types"])
            best = entry["Likelihood"].index(max(entry["Likelihood"]))
            assert entry["Protein_types"][best] == entry["Prediction"]
        site = re.search(r"between pos\. (\d+) and (\d+)", entry["CS_pos"])
        assert (site is not None) == (end > 0)
        if site:
            assert [int(place) for place in site.groups()] == [end, end + 1]
    twice = proteins()[0]
    write(tmp_path, "signalp", twice, replace(twice, labels="S" * len(twice.labels)))
    content = json.loads((tmp_path / "output.json").read_text())
    assert list(content["SEQUENCES"]) == [twice.id, f"{twice.id}-2"]
    assert {entry["Name"] for entry in content["SEQUENCES"].values()} == {twice.id}


def test_signalp_regions_cover_each_signal_peptide() -> None:
    rows = [line.split("\t") for line in (GOLDEN / "region_output.gff3").read_text().splitlines()]
    regions: dict[str, list[int]] = {}
    for name, source, kind, start, end, *rest in rows[1:]:
        assert source == "topo-VERSION"
        assert kind in ("n-region", "h-region", "c-region")
        assert rest == ["."] * 4
        regions.setdefault(name, []).extend(range(int(start), int(end) + 1))
    assert regions == {"sptm": [*range(1, 15)], "secreted": [*range(1, 16)]}


@given(st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=40))
def test_regions_are_in_order_and_leave_no_gap(peptide: str) -> None:
    regions = signal_regions(peptide)
    places = [place for _, start, end in regions for place in range(start, end + 1)]
    assert places == [*range(1, len(peptide) + 1)]
    names = [name for name, _, _ in regions]
    assert names == sorted(names, key="nhc".index)


def test_processed_entries_are_the_mature_chains() -> None:
    from Bio import SeqIO

    found = {r.id: str(r.seq) for r in SeqIO.parse(GOLDEN / "processed_entries.fasta", "fasta")}
    mature = {r.id: str(r.seq) for r in SeqIO.parse(GOLDEN / "mature.fasta", "fasta")}
    assert found == mature
    assert set(found) == {"sptm", "secreted"}


def test_phobius_short_as_predector_reads_it() -> None:
    """predector: a fixed first line, four columns divided by blanks, SP is Y or 0."""
    first, *rows = (GOLDEN / "phobius.short").read_text("utf-8").splitlines()
    assert first.split() == ["SEQENCE", "ID", "TM", "SP", "PREDICTION"]
    for row in rows:
        name, helices, signal, topology = row.split()
        assert signal in ("Y", "0")
        assert topology.count("-") - (signal == "Y") == int(helices), name


def test_signalp_table_as_funannotate_and_predector_read_it() -> None:
    """A first line with the version; ids, predictions and sites by tabs, rows of SP alone."""
    text = (GOLDEN / "prediction_results.txt").read_text("utf-8")
    assert text.startswith("# SignalP-6")
    header, rows = text.splitlines()[1], text.splitlines()[2:]
    columns = header.lstrip("# ").split("\t")
    assert columns == ["ID", "Prediction", "OTHER", "SP(Sec/SPI)", "CS Position"]
    found = {}
    for row in rows:
        cells = dict(zip(columns, row.split("\t"), strict=True))
        if cells["Prediction"] == "SP":
            site = re.fullmatch(r"CS pos: (\d+)-(\d+)\. Pr: (\S+)", cells["CS Position"])
            assert site
            found[cells["ID"]] = int(site[1])
    assert found == {"sptm": 14, "secreted": 15}


def test_names_of_files_are_those_of_signalp(tmp_path: Path) -> None:
    names = {path.name for path in write(tmp_path, "signalp").iterdir()}
    assert names >= {
        "prediction_results.txt",
        "output.gff3",
        "region_output.gff3",
        "output.json",
        "processed_entries.fasta",
    }
