"""Tables and curves that compare finished runs."""

from __future__ import annotations

import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import command

from topo.config import dump_config, load_config
from topo.metrics.headline import HEADLINES
from topo.report.run_comparison import overlay, short_names
from topo.report.run_table import COLUMNS, find_runs, run_row, sort_rows
from topo.runs import Run

LOSSES = {"a": [3.0, 1.5, 2.0], "b": [2.5, 2.2], "c": [4.0]}


def _make(path: Path, losses: list[float], seed: int, **info: object) -> Run:
    """Write what a finished run leaves that the table reads."""
    (path / "model").mkdir(parents=True)
    run = Run(path)
    for place in (path, path / "model"):
        config = load_config(None, fields={"training.seed": seed})
        (place / "config.yaml").write_text(dump_config(config))
    rows = []
    for epoch, loss in enumerate(losses):
        accuracy = {f"val_{name}": 1 / (1 + loss) for name in HEADLINES}
        accuracy["val_topology_accuracy_BETA"] = float("nan")
        norms = {"gradient_norm": 1.0, "gradient_norm_max": 2.0, "learning_rate": 0.1}
        rows.append({"epoch": epoch, "train_loss": loss, "val_loss": loss, **accuracy, **norms})
    run.write_history(rows)
    best = losses.index(min(losses))
    run.update_info(
        name="bilstm", seed=seed, parameters=1000 + seed, best_epoch=best, seconds=12.3,
        proteins={"train": 43}, **info,
    )  # fmt: skip
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, (name, losses) in enumerate(LOSSES.items()):
        _make(tmp_path / name, losses, seed)
    (tmp_path / "unfinished").mkdir()
    return tmp_path


def test_csv_has_all_columns_and_the_best_epoch(folder: Path) -> None:
    assert command("runs", "-f", folder, "--sort", "val_loss", "--csv", folder / "runs.csv") == 0
    with open(folder / "runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [Path(row["run"]).name for row in rows] == ["a", "b", "c"]
    assert [float(row["val_loss"]) for row in rows] == [1.5, 2.2, 4.0]
    assert [(row["best_epoch"], row["epochs"]) for row in rows] == [
        ("2", "3"),
        ("2", "2"),
        ("1", "1"),
    ]
    assert float(rows[0]["val_type_accuracy_macro"]) == pytest.approx(1 / 2.5, rel=1e-5)
    assert (rows[0]["seconds"], rows[0]["parameters"], rows[0]["wandb"]) == ("12", "1000", "")


def test_sorting_puts_the_best_first_and_rows_without_the_figure_last(folder: Path) -> None:
    run = _make(folder / "d", [9.0], 3, wandb="https://wandb.ai/x")
    test = run.path / "evaluation" / "test"
    test.mkdir(parents=True)
    (test / "metrics.json").write_text(json.dumps({"residue": {"accuracy": {"value": 0.75}}}))
    rows = [run_row(found) for found in find_runs([folder])]

    def names(column: str, reverse: bool = False) -> str:
        return "".join(Path(row["run"]).name for row in sort_rows(rows, column, reverse))

    assert names("val_loss") == names("val_residue_accuracy") == "abcd"
    assert names("val_loss", reverse=True) == "dcba"
    assert names("test_residue_accuracy") == "dabc"
    assert names("val_topology_accuracy_BETA") == "abcd"  # NaN everywhere: as they came
    assert names("wandb")[0] == "d"
    assert rows[3]["test_residue_accuracy"] == 0.75
    assert rows[3]["test_topology_accuracy_TM"] is None


def test_markdown_and_terminal_show_the_columns_asked_for(folder: Path, capsys) -> None:
    columns = "run,val_loss,val_topology_accuracy_BETA"
    assert command("runs", "-f", folder, "--columns", columns, "--markdown", "-") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["| run | val loss | val topo BETA |", "|---|---:|---:|"]
    assert lines[2] == f"| {folder / 'a'} | 1.500 |  |"
    assert (
        command("runs", "-f", folder / "a", "-f", folder / "b", "--columns", "seed,val_loss") == 0
    )
    table = capsys.readouterr().out
    assert "1.500" in table
    assert "2.200" in table
    assert "4.000" not in table


def test_names_of_runs_are_no_formula_and_no_markup(folder: Path, tmp_path: Path, capsys) -> None:
    run = Run(shutil.copytree(folder / "a", tmp_path / "=x"))
    run.update_info(name="=cmd()[x](javascript:1)<b>")
    assert command("runs", "-f", run.path, "--columns", "architecture", "--markdown", "-") == 0
    assert "=cmd()\\[x\\](javascript:1)&lt;b&gt;" in capsys.readouterr().out
    assert command("runs", "-f", run.path, "--csv", "-") == 0
    assert "\\x3dcmd()[x](javascript:1)<b>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sort", "accuracy"], "found column 'accuracy', expected one of run, "),
        (["--columns", "run,x"], "found column 'x'"),
        (["-f", "absent"], "no finished run here"),
    ],
)
def test_user_error_is_one_line_and_exit_code_2(
    options: list[str], message: str, folder: Path, capsys
) -> None:
    place = [] if "-f" in options else ["-f", folder]
    assert command("runs", *place, *options) == 2
    assert message in capsys.readouterr().err


class _Reader(HTMLParser):
    """Collects table cells and everything that would be loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.loaded += [
            v for k, v in attrs if k in ("src", "href", "xlink:href") and not v.startswith("#")
        ]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th"):
            self.cells.append(data)


def test_compare_overlays_curves_and_tells_what_differs(folder: Path) -> None:
    runs = [folder / name for name in "abc"]
    assert command("runs", "compare", *runs, "-o", folder / "out") == 0
    assert (folder / "out" / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    page = _Reader((folder / "out" / "comparison.html").read_text())
    assert page.loaded == []
    assert page.tags.count("svg") == 1
    assert {"a", "b", "c", "training.seed", "val_loss", "1.5"} <= set(page.cells)
    assert "training.epochs" not in page.cells


def test_curves_are_the_histories(folder: Path) -> None:
    figure = overlay({name: Run(folder / name) for name in "ab"})
    loss = figure.axes[0]
    drawn = [line.get_ydata().tolist() for line in loss.lines]
    assert drawn == [LOSSES["a"], LOSSES["a"], LOSSES["b"], LOSSES["b"]]  # train and validation
    assert [axes.get_title() for axes in figure.axes][2] == "gradient norm"
    assert len({line.get_color() for line in loss.lines}) == 2


def test_compare_wants_two_runs(folder: Path, capsys) -> None:
    assert command("runs", "compare", folder / "a") == 2
    assert "found 1 run, expected two or more" in capsys.readouterr().err
    assert command("runs", "compare", folder / "a", folder / "unfinished") == 2
    assert "no run here" in capsys.readouterr().err


def test_names_take_as_many_parents_as_they_need() -> None:
    assert short_names([Path("x/a"), Path("x/b")]) == ["a", "b"]
    assert short_names([Path("x/a"), Path("y/a")]) == ["x/a", "y/a"]
    assert short_names([Path("a"), Path("a")]) == ["a (1)", "a (2)"]
