"""The table of segments and the sequences that are exported, as readers of the field see them."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from Bio import SeqIO
from golden_proteins import proteins

from topo.errors import ConfigError
from topo.io.export import EXPORTS, export_records, open_exports
from topo.io.writers import open_writers
from topo.protein import Prediction

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    with open_writers(tmp_path, ["segments"]) as writers:
        for protein in proteins():
            writers.write(protein)
    return tmp_path / "segments.tsv"


def test_the_table_has_a_row_for_each_segment(table: Path) -> None:
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == sum(len(p.segments) for p in proteins())
    for row in rows:
        length = int(row["length"])
        assert int(row["last"]) - int(row["first"]) + 1 == length == len(row["sequence"])
        assert (row["probability"] == "") == (row["id"] == "bare")
    helices = [r for r in rows if (r["id"], r["segment"]) == ("sp|P1|TM2", "membrane helix")]
    assert [row["number"] for row in helices] == ["1", "2"]
    assert [row["side_before"] for row in helices] == ["inside", "outside"]
    assert [row["side_after"] for row in helices] == ["outside", "inside"]


def test_every_row_is_a_part_of_its_protein(table: Path) -> None:
    by_id = {p.id: p for p in proteins()}
    with table.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if (protein := by_id.get(row["id"])) is not None:
                part = slice(int(row["first"]) - 1, int(row["last"]))
                assert protein.sequence[part] == row["sequence"]
                assert len(set(protein.labels[part])) == 1


def test_the_probability_is_that_of_the_middle(tmp_path: Path) -> None:
    probabilities = np.full((5, 6), 0.1, np.float32)
    probabilities[:, 0] = [0.1, 0.2, 0.3, 0.4, 0.5]
    for labels, expected in (("IIIII", "0.3000"), ("IIII-", "0.2500"), ("I-III", "0.1000")):
        with open_writers(tmp_path, ["segments"]) as writers:
            writers.write(Prediction("x", "MSTNP", labels, "GLOB", probabilities))
        rows = (tmp_path / "segments.tsv").read_text().splitlines()
        assert rows[1].split("\t")[9] == expected
    assert [row.split("\t")[3] for row in rows[1:]] == ["1", "2"], "an unknown residue has no row"


def records(name: str, minimum: int = 1, padding: int = 0) -> dict[str, str]:
    text = "".join(export_records(p, name, minimum, padding) for p in proteins())
    return {r.description: str(r.seq) for r in SeqIO.parse(StringIO(text), "fasta")}


def test_biopython_reads_the_exports() -> None:
    outside = records("extracellular")
    assert outside["sp|P1|TM2/24-26 outside"] == "NGS"
    assert outside["secreted/16-20 outside"] == "QDEST"
    inside = records("cytoplasmic")
    assert inside["sp|P1|TM2/1-3 inside"] == "MKR"
    assert inside["globular/1-10 inside"] == "MSTNPKPQRK"
    assert set(records("periplasmic")) == {"barrel/1-2 periplasm", "barrel/24-24 periplasm"}
    assert records("loops") == outside | inside | records("periplasmic")
    mature = records("mature")
    assert mature["secreted/16-20 mature"] == "QDEST"
    assert mature["globular/1-10 mature"] == "MSTNPKPQRK"
    assert len(mature) == len(proteins())


def test_exports_have_a_minimum_and_padding() -> None:
    assert set(records("extracellular", minimum=4)) == {
        "sptm/15-18 outside",
        "secreted/16-20 outside",
    }
    padded = records("extracellular", padding=2)
    assert padded["sp|P1|TM2/22-28 outside segment=24-26"] == "IANGSFL"
    assert padded["secreted/14-20 outside segment=16-20"] == "MAQDEST"
    assert records("mature", padding=2) == records("mature")
    by_id = {p.id: p.sequence for p in proteins()}
    for name, sequence in records("loops", padding=30).items():
        place = name.split(" ")[0]
        whole, _, span = place.rpartition("/")
        first, last = map(int, span.split("-"))
        if whole in by_id:
            assert by_id[whole][first - 1 : last] == sequence


def test_a_chain_that_is_all_signal_peptide_has_nothing_to_export() -> None:
    protein = Prediction("x", "MKLLAA", "SSSSSS", "SP")
    assert all(export_records(protein, name) == "" for name in EXPORTS)


def test_files_are_named_as_their_exports(tmp_path: Path) -> None:
    with open_exports(tmp_path, ["loops", "mature", "loops"]) as exports:
        for protein in proteins():
            exports.write(protein)
    assert exports.files == ["export_loops.fasta", "export_mature.fasta"]
    assert sorted(path.name for path in tmp_path.iterdir()) == exports.files
    golden = GOLDEN / "export_loops.fasta"
    assert (tmp_path / "export_loops.fasta").read_text() == golden.read_text()
    with pytest.raises(ConfigError, match="found export 'outer', expected one of extracellular"):
        open_exports(tmp_path, ["outer"]).__enter__()
