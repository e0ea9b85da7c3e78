"""Swiss-Prot records of several ages, and the labels that their features give."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from conftest import ROOT

from topo.errors import InputError
from topo.io import read_proteins, read_swissprot
from topo.io.grammar import load_grammar

RESIDUES = "MKTAAWLLVKGGSDEFRQHY"


def old(*features: str, length: int = 60, location: str = "", name: str = "X_HUMAN") -> str:
    """A record as it was until 2019; a feature is 'KEY start end words'."""
    table = []
    for feature in features:
        key, start, end, *words = feature.split(" ", 3)
        table.append(f"FT   {key:<8} {start:>6} {end:>6}       {words[0] if words else ''}")
    return record(table, length, location, name, f"ID   {name:<16}Reviewed;{length:>12} AA.")


def new(*features: str, length: int = 60, location: str = "", name: str = "X_HUMAN") -> str:
    """A record of today."""
    table = []
    for feature in features:
        key, start, end, *words = feature.split(" ", 3)
        table.append(f"FT   {key:<16}{start}..{end}")
        if words:
            table.append(f'FT                   /note="{words[0]}"')
            table.append('FT                   /evidence="ECO:0000255"')
    return record(table, length, location, name, f"ID   {name:<16}Reviewed;{length:>12} AA.")


def record(table: list[str], length: int, location: str, name: str, head: str) -> str:
    sequence = (RESIDUES * (length // 20 + 1))[:length]
    blocks = [sequence[i : i + 10] for i in range(0, length, 10)]
    rows = ["     " + " ".join(blocks[i : i + 6]) for i in range(0, len(blocks), 6)]
    place = [f"CC   -!- SUBCELLULAR LOCATION: {location}"] if location else []
    lines = [
        head,
        f"AC   P{length:05};",
        "DT   01-NOV-1988, integrated into UniProtKB/Swiss-Prot.",
        "DT   23-JAN-2007, sequence version 2.",
        "DT   10-FEB-2009, entry version 116.",
        "DE   RecName: Full=Some protein {ECO:1};",
        "DE            Short=SP;",
        "OS   Homo sapiens (Human).",
        *place,
        *table,
        f"SQ   SEQUENCE   {length} AA;  6000 MW;  0123456789ABCDEF CRC64;",
        *rows,
        "//",
    ]
    return "\n".join(lines) + "\n"


def labels_of(tmp_path: Path, text: str) -> str | None:
    path = tmp_path / "set.dat"
    path.write_text(text)
    (protein,) = read_proteins(path)
    if protein.labels is None:
        assert "types" not in protein.metadata or not protein.metadata["types"]
        return None
    return " ".join(f"{letter}{len(list(run))}" for letter, run in groupby(protein.labels))


HELIX = "TRANSMEM 21 40 Helical"


@pytest.mark.parametrize("age", [old, new])
@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (["SIGNAL 1 20"], "S20 O40"),
        (["TOPO_DOM 1 20 Extracellular", HELIX, "TOPO_DOM 41 60 Cytoplasmic"], "O20 M20 I20"),
        (["TOPO_DOM 1 20 Cytoplasmic", HELIX, "TOPO_DOM 41 60 Lumenal"], "I20 M20 O20"),
        (["TOPO_DOM 1 20 Mitochondrial matrix", HELIX], "I20 M20 -20"),
        (
            ["TOPO_DOM 1 20 Vacuolar", "TRANSMEM 21 40 Helical; Name=1", "TOPO_DOM 41 60 Stromal"],
            "O20 M20 I20",
        ),
        (["TOPO_DOM 1 20 Periplasmic", HELIX, "TOPO_DOM 41 60 Cytoplasmic"], "O20 M20 I20"),
        (["SIGNAL 1 15", HELIX], "S15 -5 M20 -20"),
        (  # a gap too short for anything but its surroundings
            ["TOPO_DOM 1 9 Nuclear", "TOPO_DOM 12 20 Nuclear", HELIX, "TOPO_DOM 43 60 Lumenal"],
            "I20 M20 -2 O18",
        ),
        ([HELIX, "TOPO_DOM 41 60 Somewhere"], "-20 M20 -20"),
    ],
)
def test_helical_rules(tmp_path: Path, age, features: list[str], expected: str) -> None:
    assert labels_of(tmp_path, age(*features)) == expected


@pytest.mark.parametrize("age", [old, new])
def test_barrel_rules(tmp_path: Path, age) -> None:
    features = ["SIGNAL 1 20"]
    start = 26
    for strand in range(8):
        side = "Periplasmic" if strand % 2 == 0 else "Extracellular"
        features.append(f"TOPO_DOM {21 if strand == 0 else start - 5} {start - 1} {side}")
        features.append(f"TRANSMEM {start} {start + 9} Beta stranded")
        start += 15
    features.append(f"TOPO_DOM {start - 5} {start + 4} Periplasmic")
    expected = "S20 P5" + " B10 O5 B10 P5" * 3 + " B10 O5 B10 P10"
    assert labels_of(tmp_path, age(*features, length=start + 4)) == expected


def test_words_of_the_nineties(tmp_path: Path) -> None:
    """Topological domains were DOMAIN features, and helices said only how they were found."""
    text = old(
        "DOMAIN 1 20 EXTRACELLULAR (POTENTIAL).",
        "TRANSMEM 21 40 1 (POTENTIAL).",
        "DOMAIN 41 60 CYTOPLASMIC (POTENTIAL).",
        "DOMAIN 45 50 SH3.",
    )
    assert labels_of(tmp_path, text) == "O20 M20 I20"


def test_old_segments_in_an_outer_membrane_may_be_strands(tmp_path: Path) -> None:
    features = ["SIGNAL 1 15", "TRANSMEM 21 40 POTENTIAL."]
    assert labels_of(tmp_path, old(*features, location="CELL OUTER MEMBRANE.")) is None
    assert labels_of(tmp_path, old(*features, location="CELL MEMBRANE.")) == "S15 -5 M20 -20"


@pytest.mark.parametrize("age", [old, new])
@pytest.mark.parametrize(
    ("location", "soluble"),
    [
        ("Cytoplasm.", True),
        ("CYTOPLASMIC.", True),
        ("Nucleus (By similarity).", True),
        ("Cytoplasm, cytoskeleton. Nucleus, nucleolus {ECO:1}.", True),
        ("[Isoform 2]: Cytoplasm {ECO:1}.", True),
        ("Nucleus. Note=Shuttles to the cell membrane.", True),
        ("Cytoplasm. Cell membrane; Peripheral membrane protein.", False),
        ("Nucleus membrane.", False),
        ("Cytoplasmic vesicle.", False),
        ("Mitochondrion.", False),
        ("Secreted.", False),
        ("", False),
    ],
)
def test_soluble_proteins(tmp_path: Path, age, location: str, soluble: bool) -> None:
    assert labels_of(tmp_path, age(location=location)) == ("I60" if soluble else None)
    assert labels_of(tmp_path, age("SIGNAL 1 20", location=location)) == "S20 O40"
    assert labels_of(tmp_path, age(HELIX, location=location)) == "-20 M20 -20"


@pytest.mark.parametrize("age", [old, new])
def test_features_that_say_nothing(tmp_path: Path, age) -> None:
    for features in (
        ["CHAIN 1 60 Some protein"],
        ["SIGNAL 1 ? Potential"],
        ["INTRAMEM 21 40 Helical"],
        ["SIGNAL 21 40"],  # not at the start
        ["TOPO_DOM 1 60 Extracellular"],  # no legal topology
    ):
        assert labels_of(tmp_path, age(*features)) is None, features


def test_a_reentrant_loop_is_not_outside(tmp_path: Path) -> None:
    assert labels_of(tmp_path, new("SIGNAL 1 15", "INTRAMEM 21 40 Helical")) == "S15 -45"
    assert labels_of(tmp_path, new("SIGNAL 1 15")) == "S15 O45"


def test_features_of_another_isoform_are_passed_over(tmp_path: Path) -> None:
    text = new("SIGNAL 1 20").replace("1..20", "P00060-2:1..20")
    assert labels_of(tmp_path, text) is None


def test_metadata(tmp_path: Path) -> None:
    path = tmp_path / "set.dat"
    path.write_text("\n" + new("SIGNAL 1 20") + old(length=40, name="Y_HUMAN"))
    first, second = read_swissprot(path)
    assert (first.id, second.id) == ("P00060", "P00040")
    assert first.sequence == RESIDUES * 3
    assert first.metadata == {
        "entry_name": "X_HUMAN",
        "description": "Some protein",
        "organism": "Homo sapiens (Human)",
        "updated": "10-FEB-2009",
        "types": ("SP",),
    }
    assert second.labels is None


def test_malformed_records_name_their_first_line(tmp_path: Path) -> None:
    good = new("SIGNAL 1 20")
    line = good.count("\n") + 1
    path = tmp_path / "set.dat"
    for bad, words in {
        good.rsplit("//", 1)[0]: "record without its closing '//'",
        good.replace("ID   ", "IX   "): "not a Swiss-Prot record",
        good.replace("1..20", "a..b"): "not a Swiss-Prot record",
        good.replace("1..20", "41..99"): "found SIGNAL at 41..99 of X_HUMAN, which has 60 residues",
        good.replace("60 AA", "61 AA"): "found 60 residues of P00060, expected 61",
        good.replace("FRQHY", "FRQH-"): "found '-' at position 20 of P00060",
        "//\n": "not a Swiss-Prot record",
    }.items():
        path.write_text(good + bad)
        records = read_swissprot(path)
        assert next(records).id == "P00060"
        with pytest.raises(InputError) as caught:
            next(records)
        assert str(caught.value).startswith(f"{path}:{line}: {words}")
        assert "\n" not in str(caught.value)


EXTENDED = load_grammar(ROOT / "configs" / "labels" / "extended.yaml").scheme


def extended_labels(tmp_path: Path, text: str) -> str | None:
    path = tmp_path / "x.dat"
    path.write_text(text)
    (protein,) = read_swissprot(path, EXTENDED)
    return protein.labels


@pytest.mark.parametrize("age", [old, new])
def test_features_that_a_scheme_names_become_its_labels(tmp_path: Path, age) -> None:
    channel = age(
        "TOPO_DOM 1 5 Cytoplasmic",
        "TRANSMEM 6 25 Helical",
        "TOPO_DOM 26 30 Extracellular",
        "INTRAMEM 31 40 Pore-forming",
        "TOPO_DOM 41 60 Extracellular",
    )
    expected = "I" * 5 + "M" * 20 + "O" * 5 + "R" * 10 + "O" * 20
    assert extended_labels(tmp_path, channel) == expected
    assert extended_labels(tmp_path, age("TRANSIT 1 20 Mitochondrion")) == "T" * 20 + "-" * 40
    anchor = age("TRANSMEM 6 25 Helical; Signal-anchor for type II membrane protein")
    assert extended_labels(tmp_path, anchor) == "-" * 5 + "M" * 20 + "-" * 35
    helix = age("TRANSMEM 6 25 Discontinuously helical")
    assert (extended_labels(tmp_path, helix) or "").count("M") == 20


def test_signal_kinds_are_metadata(tmp_path: Path) -> None:
    def kind(*features: str) -> str | None:
        path = tmp_path / "x.dat"
        path.write_text(new(*features))
        (protein,) = read_swissprot(path)
        return protein.metadata.get("signal_kind")

    lipid = "LIPID 21 21 S-diacylglycerol cysteine"
    assert kind("SIGNAL 1 20") is None
    assert kind("SIGNAL 1 20 Tat-type signal") == "Tat"
    assert kind("SIGNAL 1 20", lipid) == "lipoprotein"
    assert kind("SIGNAL 1 20 Tat-type signal", lipid) == "Tat lipoprotein"
    assert kind("SIGNAL 1 20", "LIPID 30 30 S-diacylglycerol cysteine") is None
    assert kind("SIGNAL ? 20 Tat-type signal") == "Tat"
