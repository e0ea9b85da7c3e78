"""Effects of variants: measures, ranking, files and the command."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command

from topo.errors import TopoError
from topo.inference import load_model, predict
from topo.io import read_proteins
from topo.protein import Prediction, Protein
from topo.report.variant_map import ORDER, score_grid
from topo.segments import to_segments
from topo.variants import (
    Variant,
    parse_variant,
    read_variants,
    scan,
    substitutions,
    tagged,
    truncated,
    truncations,
)
from topo.variants.effects import Comparison
from topo.variants.table import write_scan

GOLDEN = ROOT / "tests" / "golden"
PROTEIN = Protein("a", "MKLAUW")
CONSERVATIVE = dict(zip("IVLMDEKRSTFYNQ", "VIMLEDRKTSYFQN", strict=True))


@pytest.mark.parametrize(
    ("text", "name", "sequence"),
    [
        ("p.Lys2Pro", "p.Lys2Pro", "MPLAUW"),
        ("p.K2P", "p.Lys2Pro", "MPLAUW"),
        ("p.Sec5Cys", "p.Sec5Cys", "MKLACW"),
        ("p.Leu3Ter", "1-2", "MK"),
        ("p.L3*", "1-2", "MK"),
    ],
)
def test_notation(text: str, name: str, sequence: str) -> None:
    variant = parse_variant(text, PROTEIN)
    assert (variant.name, variant.sequence) == (name, sequence)


WRONG = {
    "p.Leu2Pro": "p.Leu2Pro: found reference residue L, a has K at 2",
    "p.K7P": "p.K7P: found position 7, a has 6",
    "p.K2K": "p.K2K: found the same residue twice, expected a substitution",
    "p.Met1Ter": "p.Met1Ter: found a stop at the first residue, nothing is left",
    "c.76A>T": "found variant 'c.76A>T', expected one like p.Leu42Pro or p.L42P",
    "p.Lys2fs": "found variant 'p.Lys2fs', expected one like p.Leu42Pro or p.L42P",
    "p.Lyx2Pro": "found variant 'p.Lyx2Pro', expected one like p.Leu42Pro or p.L42P",
    "p.K0P": "found variant 'p.K0P', expected one like p.Leu42Pro or p.L42P",
    "K2P": "found variant 'K2P', expected one like p.Leu42Pro or p.L42P",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_variants_are_one_line(text: str, model: Path, tmp_path: Path, capfd) -> None:
    with pytest.raises(TopoError) as error:
        parse_variant(text, PROTEIN)
    assert str(error.value) == WRONG[text]
    file = tmp_path / "v.txt"
    file.write_text(f"# comment\n\np.K2P\n{text}\n")
    words = ("scan", "--sequence", PROTEIN.sequence, "--variants", file, "-o", tmp_path / "out")
    assert command(*words) == 2
    expected = WRONG[text].replace(" a has", " sequence has")
    assert capfd.readouterr().err == f"topo: {file}:4: {expected}\n"
    assert not (tmp_path / "out").exists()


def test_tables_with_the_columns_of_vcf(tmp_path: Path) -> None:
    file = tmp_path / "v.tsv"
    file.write_text("##x\n#CHROM\tPOS\tID\tREF\tALT\na\t2\t.\tK\tP\na\t3\t.\tl\t*\n")
    assert [v.name for v in read_variants(file, PROTEIN)] == ["p.Lys2Pro", "1-2"]
    for row, found in {
        "b\t2\t.\tK\tP": "found protein 'b', expected a",
        "a\t2\t.\tKL\tP": "found residue 'KL', expected one letter",
        "a\tx\t.\tK\tP": "found position 'x', expected a number from 1",
        "a\t2\t.\tL\tP": "L2P: found reference residue L, a has K at 2",
        "a\t2": "found 2 columns, expected 5",
    }.items():
        file.write_text(f"#CHROM\tPOS\tID\tREF\tALT\n{row}\n")
        with pytest.raises(TopoError, match=f"v.tsv:2: {found}"):
            read_variants(file, PROTEIN)


def test_changes() -> None:
    names = [variant.name for variant in substitutions(PROTEIN)]
    assert len(names) == len(set(names)) == 5 * 19 + 20
    assert truncated(PROTEIN, 3, 5).sequence == "LAU"
    assert [v.sequence for v in truncations(PROTEIN, 4)] == ["UW", "MK"]
    tag = tagged(PROTEIN, "mh")
    assert (tag.sequence, tag.shift) == ("MHMKLAUW", 2)
    for first, last in ((0, 3), (1, 6), (4, 7), (5, 4)):
        with pytest.raises(TopoError, match="to keep, expected a part of 1-6 of a"):
            truncated(PROTEIN, first, last)


def _prediction(labels: str, chances: list[float], outside: float = 0.25) -> Prediction:
    """A prediction whose residues are helix with these chances, else outside with another."""
    table = np.zeros((len(labels), 6))
    for row, chance in enumerate(chances):
        table[row, [0, 1, 4]] = (1 - chance) * (1 - outside), (1 - chance) * outside, chance
    kinds = np.array([0.5, 0, 0, 0.5, 0])
    return Prediction("a", "A" * len(labels), labels, "TM", table, kinds, 0.5)


def test_measures_by_hand() -> None:
    labels = "I" * 12 + "MMM" + "O" * 15
    before = _prediction(labels, [0.01] * 12 + [0.5] * 3 + [0.01] * 15)
    after = _prediction(labels, [0.01] * 12 + [0.8] * 3 + [0.01] * 14 + [0.5], outside=0.5)
    comparison = Comparison(before)
    effect = comparison.effect(Variant("v", "substitution", before.sequence), after, 0.3)
    # the helix: logit 0.8 - logit 0.5; elsewhere: logit 0.5 - logit 0.05, the least noticed
    assert effect.score == pytest.approx(np.log(4) + np.log(19))
    assert effect.segments[1] == pytest.approx(0.3)
    assert np.isnan(effect.outside[1])
    assert effect.outside[[0, 2]] == pytest.approx(0.25)
    assert (effect.kept, effect.topology_changed, effect.type_change) == (0.3, False, 0.0)
    same = comparison.effect(Variant("v", "substitution", before.sequence), before, 0.5)
    assert same.score == 0.0
    table = np.vstack([before.probabilities[:1], before.probabilities])
    labels = "I" + labels
    tag = replace(before, sequence="A" * len(labels), labels=labels, probabilities=table)
    moved = comparison.effect(Variant("t", "tag", tag.sequence, shift=1), tag, 0.5)
    assert (moved.score, moved.segments.tolist()) == (0.0, [0.0, 0.0, 0.0])
    table = before.probabilities[:12]
    cut = replace(before, sequence="A" * 12, labels="I" * 12, probabilities=table)
    lost = comparison.effect(Variant("1-12", "truncation", cut.sequence), cut, 0.0)
    assert lost.score == pytest.approx(np.log(1e6 - 1))
    assert lost.topology_changed
    assert np.isnan(lost.segments[1:]).all()


def test_effects_are_those_of_single_predictions(model: Path) -> None:
    protein = Protein("a", "MKTLLVAGLLIVAGLLIVAGAAAKKKRDE")
    chosen = [parse_variant("p.L10K", protein), tagged(protein, "MHH"), truncated(protein, 3, 20)]
    found = scan(protein, model, chosen)
    assert sorted(e.variant.name for e in found.effects) == sorted(v.name for v in chosen)
    assert [e.score for e in found.effects] == sorted(
        (e.score for e in found.effects), reverse=True
    )
    for effect in found.effects:
        (alone,) = predict([Protein("v", effect.variant.sequence)], model, precision="32")
        assert effect.type == alone.type
        np.testing.assert_allclose(effect.type_probabilities, alone.type_probabilities, atol=1e-6)
        assert effect.confidence == pytest.approx(alone.confidence, abs=1e-6)
        if not effect.topology_changed:
            assert effect.kept == pytest.approx(alone.confidence, abs=1e-6)


def _charges_and_mild(
    protein: Protein, checkpoint, most: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all charges at the nine middle residues of the helix, and of mild changes in loops.

    About ``most`` of the conservative substitutions are predicted.
    """
    assert protein.labels is not None
    (helix,) = [part for part in to_segments(protein.labels) if part.label == "M"]
    middle = (helix.start + helix.end) // 2
    charged = [
        f"p.{protein.sequence[place]}{place + 1}{residue}"
        for place in range(middle - 4, middle + 5)
        for residue in "DEKR"
        if protein.sequence[place] != residue
    ]
    places = [
        place
        for place, (residue, label) in enumerate(zip(protein.sequence, protein.labels, strict=True))
        if label in "IO" and residue in CONSERVATIVE and place
    ]
    mild = [
        f"p.{protein.sequence[place]}{place + 1}{CONSERVATIVE[protein.sequence[place]]}"
        for place in places[:: max(1, len(places) // most)]
    ]
    chosen = {parse_variant(text, protein): text in charged for text in charged + mild}
    found = scan(protein, checkpoint, chosen)
    scores = {True: [], False: []}
    for effect in found.effects:
        scores[chosen[effect.variant]].append(effect.score)
    return np.array(scores[True]), np.array(scores[False])


def _egfr() -> Protein:
    return next(p for p in read_proteins(ROOT / "data/example/proteins.3line") if p.id == "P00533")


@pytest.mark.parametrize(
    ("start", "end", "most"),
    [(605, 708, 60), (585, 728, 60), (545, 768, 60), (0, 1210, 24)],
)
def test_a_charge_in_the_only_helix_ranks_above_mild_changes_in_loops(start, end, most) -> None:
    """The example set has one protein with a single helix; whole, or without domains."""
    whole = _egfr()
    assert whole.labels is not None
    part = Protein("part", whole.sequence[start:end], whole.labels[start:end])
    charged, mild = _charges_and_mild(part, load_model(), most)
    assert charged.min() > mild.max()


@pytest.mark.data
def test_charges_rank_first_in_single_pass_proteins(data_dir: Path) -> None:
    folds = json.loads((data_dir / "topology/deeptmhmm.partitions.json").read_text())
    checkpoint = load_model()
    single = [
        Protein(record["id"], record["sequence"], record["labels"])
        for fold in sorted(folds)
        for record in folds[fold]
        if len(record["sequence"]) <= 130
        and [s.label for s in to_segments(record["labels"])].count("M") == 1
        and "S" not in record["labels"]
    ][:16]
    right = [
        protein
        for protein, found in zip(single, predict(single, checkpoint), strict=True)
        if found.labels.count("M") and (found.confidence or 0) >= 0.5
    ]
    assert len(right) >= 8
    strict = 0
    for protein in right:
        charged, mild = _charges_and_mild(protein, checkpoint)
        assert (charged[:, None] > mild).mean() >= 0.97, protein.id
        assert np.median(charged) > mild.max(), protein.id
        strict += charged.min() > mild.max()
    assert strict >= len(right) / 2  # elsewhere a proline, serine or the like is replaced


def _golden_scan():
    whole = _egfr()
    protein = Protein("P00533", whole.sequence[600:720])
    texts = ["p.L57K", "p.V60I", "p.K9R"]
    chosen = [parse_variant(text, protein) for text in texts]
    return scan(protein, None, [*chosen, truncated(protein, 40, 120), tagged(protein, "MHHHHHH")])


def test_the_table_is_as_expected(tmp_path: Path) -> None:
    write_scan(_golden_scan(), tmp_path / "scan.tsv")
    text = (tmp_path / "scan.tsv").read_text()
    found, expected = (
        list(csv.reader(io.StringIO(source), delimiter="\t"))
        for source in (text, (GOLDEN / "scan.tsv").read_text())
    )
    assert found[0] == expected[0]
    for row, wanted in zip(found[1:], expected[1:], strict=True):
        for cell, cell_wanted in zip(row, wanted, strict=True):
            try:  # the last decimal depends on the processor
                assert float(cell) == pytest.approx(float(cell_wanted), abs=2e-3)
            except ValueError:
                assert cell == cell_wanted


def test_pandas_reads_the_table() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(GOLDEN / "scan.tsv", sep="\t")
    assert table["score"].is_monotonic_decreasing
    assert table["score"].dtype == table["p_TM"].dtype == float
    assert set(table["kind"]) == {"substitution", "truncation", "tag"}


def test_files_of_a_full_scan(model: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    sequence = "MKTLLVAGLLIVAGLLIVAGAAX"
    assert command("scan", "--sequence", sequence, "--model", model) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert [line for line in printed.out.splitlines() if line.startswith("scan")] == [
        "scan/scan.tsv",
        "scan/heat_map.png",
        "scan/heat_map.svg",
        "scan/scan.html",
    ]
    rows = Path("scan/scan.tsv").read_text().splitlines()
    assert len(rows) == 1 + 22 * 19 + 20
    page = Path("scan/scan.html").read_text()
    assert "438 variants" in page
    assert "<svg" in page
    assert (
        "http"
        not in page.replace("http://www.w3.org", "")
        .replace("http://purl.org", "")[page.index("<h1>") :]
        .split("<svg")[0]
    )
    assert Path("scan/heat_map.png").read_bytes()[:4] == b"\x89PNG"
    assert command("scan", "--sequence", sequence, "--model", model, "--tag", "MH", "-o", "-") == 0
    assert capfd.readouterr().out.splitlines()[1].startswith("tag:MH\ttag\t")
    assert command("scan", "--sequence", sequence, "--model", model, "--tag", "MH", "-q") == 0
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in Path("scan").iterdir()) == ["scan.html", "scan.tsv"]


def test_the_grid_has_each_score_in_its_cell(model: Path) -> None:
    protein = Protein("a", "MKTLLVAGLL")
    found = scan(protein, model)
    grid = score_grid(found)
    assert grid is not None
    assert np.isnan(grid).sum() == len(protein)
    for place, residue in enumerate(protein.sequence):
        assert np.isnan(grid[ORDER.index(residue), place])
    for effect in found.effects[:5]:
        variant = effect.variant
        assert grid[ORDER.index(variant.alternate), variant.position - 1] == effect.score
    assert score_grid(scan(protein, model, [tagged(protein, "MH")])) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected either a file of a protein or --sequence"),
        (["a.fasta"], "a.fasta: found 2 proteins, expected one; --id chooses one"),
        (["a.fasta", "--id", "c"], "a.fasta: found no protein 'c'"),
        (["a.fasta", "--id", "a", "--truncate", "x"], "found --truncate 'x', expected residues"),
        (["a.fasta", "--id", "a", "--truncate", "2-9"], "found residues 2-9 to keep"),
        (["a.fasta", "--id", "a", "--truncate", f"1-{'9' * 5000}"], "found --truncate '1-999"),
        (["a.fasta", "--id", "a", "--tag", "M1"], "found tag 'M1', expected residue letters"),
        (["a.fasta", "--id", "a", "--variants", "none"], "none: no such file"),
    ],
)
def test_wrong_options_are_one_line(words, message, tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.fasta").write_text(">a\nMKL\n>b\nMKL\n")
    assert command("scan", *words) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"topo: {message}")
    assert [path.name for path in Path().iterdir()] == ["a.fasta"]
