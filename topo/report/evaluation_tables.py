"""Evaluations and comparisons as tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from topo.labels import LABEL_NAMES, LABELS, TYPES

_SHOWN = 10  # ids listed before "and N more"

PROBLEMS = {
    "missing": "without a prediction",
    "unlabelled": "without labels in the truth",
    "length_differs": "predicted with another number of residues, not scored",
    "sequence_differs": "scored by id although the sequences differ",
    "doubled_truth": "more than once in the truth",
    "doubled_predictions": "predicted more than once, the first that fits is scored",
    "extra": "predicted but paired with no protein of the truth",
}
"""What each list of ids in an alignment says."""


def alignment_lines(alignment: Mapping[str, Any]) -> list[str]:
    """Say in lines how many proteins are scored and which are not."""
    lines = [
        f"{alignment['scored']} proteins scored of {alignment['truth']} in the truth "
        f"({alignment['by_id']} matched by id, {alignment['by_sequence']} by sequence)"
    ]
    for name, words in PROBLEMS.items():
        if ids := alignment[name]:
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            lines.append(f"{len(ids)} {words}: {', '.join(ids[:_SHOWN])}{more}")
    return lines


def evaluation_tables(metrics: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the tables of an evaluation, the headline figures first."""
    yield type_table(metrics)
    yield _figure_table("Overall", _overall(metrics), digits=4)
    yield confusion_table("Types: true (rows), predicted (columns)", metrics["type"]["confusion"])
    yield _segment_table(metrics["segments"])
    yield _figure_table("Signal peptides", _signal(metrics["signal"]))
    yield _label_table(metrics)
    if "type_head" in metrics:
        head = metrics["type_head"]
        rows = [*head["accuracy"].items(), ("macro", head["macro"]), ("micro", head["micro"])]
        rows += [(name.replace("_", " "), head[name]) for name in ("brier", "calibration_error")]
        yield _figure_table("Type head (not the letter rule)", rows)


def type_table(metrics: Mapping[str, Any]) -> Table:
    """Type and topology accuracy of each type, with n and interval."""
    table = _table("Accuracy per type", "type", "n", "type right", "n", "topology right")
    for name in TYPES:
        kind, topology = metrics["type"]["accuracy"][name], metrics["topology"]["accuracy"][name]
        table.add_row(
            name, str(kind["n"]), _shown(kind, 3), str(topology["n"]), _shown(topology, 3)
        )
    return table


def confusion_table(title: str, confusion: Mapping[str, Any]) -> Table:
    """Show the counts of a confusion matrix."""
    table = _table(title, "", *confusion["predicted"])
    for name, counts in zip(confusion["true"], confusion["counts"], strict=True):
        table.add_row(name, *map(str, counts))
    return table


def comparison_tables(metrics: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the predictors side by side, then one table a pair of them."""
    names = list(metrics["predictors"])
    table = _table(f"{metrics['proteins']} proteins predicted by all", "figure", *names)
    sides = {name: dict(_headlines(metrics["predictors"][name])) for name in names}
    for label in sides[names[0]]:
        table.add_row(label, *(_shown(sides[name].get(label), 4) for name in names))
    yield table
    keys = dict(_headline_keys())
    for pair in metrics["pairs"]:
        title = f"{pair['first']} minus {pair['second']}"
        table = _table(title, "figure", "difference", "first larger", "second larger")
        for label, key in keys.items():
            if entry := pair["figures"].get(key):
                shares = (entry["larger_first"], entry["larger_second"])
                difference = _shown({**entry, "value": entry["difference"]}, 4)
                table.add_row(label, difference, *(_percent(share) for share in shares))
        yield table


def _headline_keys() -> Iterator[tuple[str, str]]:
    """Words and dotted key of the figures that a comparison shows."""
    for name in TYPES:
        yield f"type {name}", f"type.accuracy.{name}"
    for name in TYPES:
        yield f"topology {name}", f"topology.accuracy.{name}"
    yield "type macro", "type.macro"
    yield "type micro", "type.micro"
    yield "topology macro", "topology.macro"
    yield "overlap", "topology.overlap"
    yield "legal", "topology.legal"
    yield "residue accuracy", "residue.accuracy"
    yield "residue macro F1", "residue.macro_f1"
    yield "helix F1", "segments.M.f1"
    yield "strand F1", "segments.B.f1"
    yield "SOV", "segments.sov.all"
    yield "signal MCC (all)", "signal.mcc.all"


def _headlines(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for words, key in _headline_keys():
        entry: Any = metrics
        for name in key.split("."):
            entry = entry[name]
        yield words, entry


def _overall(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    kind, topology, residue = metrics["type"], metrics["topology"], metrics["residue"]
    yield "type, macro", kind["macro"]
    yield "type, micro", kind["micro"]
    yield "topology, macro", topology["macro"]
    yield "overlap", topology["overlap"]
    yield "legal", topology["legal"]
    yield "residue accuracy", residue["accuracy"]
    yield "residue macro F1", residue["macro_f1"]
    for name in ("log_loss", "brier", "calibration_error"):
        if name in residue:
            yield f"residue {name.replace('_', ' ')}", residue[name]
    for name, entry in metrics.get("confidence", {}).items():
        if name != "reliability":
            yield f"confidence {name.replace('_', ' ')}", entry


def _signal(signal: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "MCC against GLOB", signal["mcc"]["globular"]
    yield "MCC against all others", signal["mcc"]["all"]
    for tolerance, entries in signal["cleavage"].items():
        yield f"cleavage site +-{tolerance}, precision", entries["precision"]
        yield f"cleavage site +-{tolerance}, recall", entries["recall"]


def _segment_table(segments: Mapping[str, Any]) -> Table:
    table = _table("Segments", "", "M helix", "B strand")
    words = {"precision": "precision", "recall": "recall", "f1": "F1"}
    words |= {"qok": "Qok", "qnum": "Qnum", "qtop": "Qtop"}
    for key, name in words.items():
        table.add_row(name, *(_shown(segments[label][key], 3) for label in "MB"))
    table.add_row("SOV", *(_shown(segments["sov"][label], 3) for label in "MB"))
    table.add_row("SOV, all labels", _shown(segments["sov"]["all"], 3), "")
    table.add_row("false positives (GLOB, SP)", _shown(segments["false_positives"], 3), "")
    table.add_row("false negatives", _shown(segments["false_negatives"], 3), "")
    return table


def _label_table(metrics: Mapping[str, Any]) -> Table:
    residue, columns = metrics["residue"], ("precision", "recall", "f1", "mcc")
    table = _table("Residues", "label", "n", *columns)
    for label in LABELS:
        values = (_value(residue[column][label], 3) for column in columns)
        table.add_row(f"{label} {LABEL_NAMES[label]}", str(residue["recall"][label]["n"]), *values)
    return table


def _figure_table(
    title: str, rows: Iterable[tuple[str, Mapping[str, Any]]], digits: int = 3
) -> Table:
    table = _table(title, "figure", "n", "value [95 % interval]")
    for name, entry in rows:
        over = f" (over {entry['over']})" if "over" in entry else ""
        table.add_row(name + over, str(entry["n"]), _shown(entry, digits))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=escape(title), title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(escape(column), justify="right" if number else "left", overflow="fold")
    return table


def _value(entry: Mapping[str, Any] | None, digits: int) -> str:
    missing = entry is None or entry["value"] is None
    return "-" if missing else f"{entry['value']:.{digits}f}"  # type: ignore[index]


def _shown(entry: Mapping[str, Any] | None, digits: int) -> str:
    text = _value(entry, digits)
    if entry is None or entry.get("low") is None or text == "-":
        return text
    return escape(f"{text} [{entry['low']:.{digits}f}, {entry['high']:.{digits}f}]")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
