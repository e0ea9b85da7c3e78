"""Pictures, the page's data, the summary table and the whole of a run's outputs."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from golden_proteins import prediction, proteins
from rich.console import Console

from topo.errors import TopoError
from topo.io import read_predictions
from topo.io.output_formats import DEFAULT_FORMATS
from topo.labels import TYPES
from topo.report.document import protein_document
from topo.report.outputs import open_outputs
from topo.report.pictures import AUTOMATIC_LIMIT, save_pictures
from topo.report.predictions_page import open_page
from topo.report.summary_table import Counts, summary_table
from topo.report.traces import draw_traces

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("form", sorted(MAGIC))
def test_pictures_are_what_they_say(tmp_path: Path, form: str) -> None:
    paths = save_pictures(proteins()[1], tmp_path, formats=(form,), truth=proteins()[1].labels)
    assert [p.name for p in paths] == [f"sptm_traces.{form}", f"sptm_snake.{form}"]
    for path in paths:
        assert path.read_bytes().startswith(MAGIC[form])


def test_traces_show_every_label_and_both_bars() -> None:
    protein = proteins()[0]
    bars, lines = draw_traces(protein, truth="I" * len(protein)).axes
    assert [text.get_text() for text in bars.get_yticklabels()] == ["known", "predicted"]
    assert len(bars.collections) == len(protein.segments) + 1
    shown = np.stack([line.get_ydata() for line in lines.lines], axis=1)
    np.testing.assert_array_equal(shown, protein.probabilities)


def test_traces_without_probabilities_are_the_bar_alone() -> None:
    assert len(draw_traces(proteins()[-1]).axes) == 1


def test_math_signs_in_ids_are_no_formula(tmp_path: Path) -> None:
    odd = replace(proteins()[0], id="$\\frac{$_^")
    assert all(path.stat().st_size for path in save_pictures(odd, tmp_path, "odd"))


class Collector(HTMLParser):
    """Gathers the scripts and every address of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.addresses: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [found[key] or "" for key in ("src", "href") if key in found]
        self._open = found.get("id") or "code" if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.scripts[self._open] = self.scripts.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def page_of(path: Path) -> Collector:
    collector = Collector()
    collector.feed(path.read_text("utf-8"))
    return collector


def unpack(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def documents(scripts: dict[str, str]) -> list[dict]:
    found = []
    while f"block-{len(found) // 32}" in scripts and len(found) % 32 == 0:
        found += json.loads(unpack(scripts[f"block-{len(found) // 32}"]))
    return found


def test_page_holds_one_document_per_protein(tmp_path: Path) -> None:
    records = proteins() * 9
    with open_page(tmp_path / "report.html", ["a b.txt"]) as page:
        for record in records:
            page.write(record)
    scripts = page_of(tmp_path / "report.html").scripts
    index = json.loads(unpack(scripts["index"]))
    assert index["types"] == list(TYPES)
    assert index["block"] == 32
    found = documents(scripts)
    for row, document, record in zip(index["proteins"], found, records, strict=True):
        name, kind, confidence, topology, description, traced = row
        labels = "".join(c * int(n) for c, n in re.findall(r"([IOPSMB-])(\d+)", topology))
        assert (name, labels, confidence) == (record.id, record.labels, record.confidence)
        assert description == ""
        assert TYPES[kind] == record.type
        assert document == json.loads(json.dumps(protein_document(record)))
        assert bool(traced) == (record.probabilities is not None)


def test_page_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    evil = replace(proteins()[0], id="</script><script>alert(1)</script>")
    with open_page(tmp_path / "report.html", ["a b.txt"], title="<b>&</b>") as page:
        page.write(evil)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert page_of(tmp_path / "report.html").addresses == ["#list", "a%20b.txt"]
    assert "alert(1)" not in text
    assert "<b>&" not in text
    assert "{{" not in text
    links = {"www.uniprot.org", "alphafold.ebi.ac.uk", "www.ebi.ac.uk"}  # followed by a click only
    assert set(re.findall(r"https?://([^/\"]*)", text)) == {"www.w3.org", *links}


def test_page_keeps_probabilities_up_to_its_limit(tmp_path: Path) -> None:
    with open_page(tmp_path / "report.html", probability_residues=100) as page:
        for record in proteins():
            page.write(record)
    index = json.loads(unpack(page_of(tmp_path / "report.html").scripts["index"]))
    kept = [len(p) for p, row in zip(proteins(), index["proteins"], strict=True) if row[-1]]
    assert 0 < sum(kept) <= 100
    known = sum(p.probabilities is not None for p in proteins())
    assert index["left_out"] == known - len(kept) > 0


def test_page_keeps_diagrams_up_to_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topo.report.predictions_page.DIAGRAM_BEADS", 60)
    with open_page(tmp_path / "report.html") as page:
        for record in proteins():
            page.write(record)
    kept = [bool(d["diagram"]) for d in documents(page_of(tmp_path / "report.html").scripts)]
    assert kept == [True, True, *[False] * (len(kept) - 2)]


def test_page_keeps_fewer_diagrams_of_soluble_proteins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topo.report.predictions_page.SOLUBLE_BEADS", 30)
    soluble = prediction("g", "MK" * 20, "I" * 40, None)
    with open_page(tmp_path / "report.html") as page:
        for record in (soluble, replace(soluble, id="h"), proteins()[0]):
            page.write(record)
    kept = [bool(d["diagram"]) for d in documents(page_of(tmp_path / "report.html").scripts)]
    assert kept == [True, False, True]


def test_page_leaves_out_no_probabilities_that_do_not_exist(tmp_path: Path) -> None:
    with open_page(tmp_path / "report.html") as page:
        for record in proteins():
            page.write(record)
    index = json.loads(unpack(page_of(tmp_path / "report.html").scripts["index"]))
    assert proteins()[-1].probabilities is None
    assert index["left_out"] == 0


def test_page_holds_the_number_of_relatives_of_runs_with_relatives(tmp_path: Path) -> None:
    with open_page(tmp_path / "report.html") as page:
        page.write(replace(proteins()[0], relatives=7))
        page.write(proteins()[1])
    block = json.loads(unpack(page_of(tmp_path / "report.html").scripts["block-0"]))
    assert [document["relatives"] for document in block] == [7, None]


def test_a_page_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_page(tmp_path / "report.html"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_outputs_by_default(tmp_path: Path) -> None:
    with open_outputs(tmp_path, DEFAULT_FORMATS) as writers:
        for record in proteins()[:2]:
            writers.write(record)
    expected = ["predicted_topologies.3line", "TMRs.gff3", "topologies.gff3", "summary.tsv"]
    assert writers.files == [*expected, "report.html"]
    assert page_of(tmp_path / "report.html").addresses == ["#list", *expected]
    assert len(list(read_predictions(tmp_path / "TMRs.gff3"))) == 2
    pictures = {p.name for p in (tmp_path / "plots").iterdir()}
    stems = ("sp_P1_TM2", "sptm")
    assert pictures == {f"{s}_{kind}.png" for s in stems for kind in ("traces", "snake")}
    assert "sp|P1|TM2\tsp_P1_TM2" in (tmp_path / "ids.tsv").read_text("utf-8")


def test_pictures_are_off_for_many_proteins_and_on_request(tmp_path: Path) -> None:
    record = prediction("a", "MK", "II", None)
    with open_outputs(tmp_path / "many", ["3line"]) as writers:
        for _ in range(AUTOMATIC_LIMIT + 1):
            writers.write(record)
    assert not (tmp_path / "many" / "plots").exists()
    choice = {"plots": "wrong", "is_wrong": lambda p: p.id == "b"}
    with open_outputs(tmp_path / "wrong", ["3line"], **choice) as writers:
        writers.write(record)
        writers.write(replace(record, id="b"))
    names = {p.name for p in (tmp_path / "wrong" / "plots").iterdir()}
    assert names == {"b_traces.png", "b_snake.png"}


@pytest.mark.parametrize(
    "choice", [{"plots": "some"}, {"plots": "wrong"}, {"plots": "all", "picture_formats": ["gif"]}]
)
def test_wrong_choices_of_pictures_are_refused(tmp_path: Path, choice: dict) -> None:
    def run() -> None:
        with open_outputs(tmp_path, ["3line"], **choice) as writers:
            writers.write(proteins()[0])

    with pytest.raises(TopoError):
        run()


def test_summary_table_counts() -> None:
    counts = Counts()
    for record in [*proteins(), replace(proteins()[0], type=None)]:
        counts.add(record)
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(summary_table(counts))
    rows = {}
    for line in console.export_text().splitlines():
        cells = [cell.strip() for cell in re.split("[│┃|]", line) if cell.strip()]
        if len(cells) == 6:
            rows[cells[0]] = cells[1:]
    assert rows["TM"] == ["3", "30.0 %", "92", "4", "0.875"]
    assert rows["BETA"] == ["1", "10.0 %", "24", "2", "0.250"]
    assert rows["no type"][0] == "1"
    assert rows["all"][:2] == ["10", "100.0 %"]
    assert summary_table(Counts()).row_count == len(TYPES)
