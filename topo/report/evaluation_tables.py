"""Tables of evaluations and comparisons, and the definitions of the metrics in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from topo.errors import printable
from topo.labels import LABEL_NAMES, LABELS, TYPES
from topo.report.table import Table, best_cells, named_columns

_SHOWN = 10  # number of ids before "and N more"

PROBLEMS = {
    "missing": "without a prediction",
    "unlabelled": "without labels in the truth",
    "length_differs": "predicted with another number of residues, not scored",
    "sequence_differs": "scored by id although the sequences differ",
    "doubled_truth": "more than once in the truth",
    "doubled_predictions": "predicted more than once, the first that fits is scored",
    "extra": "predicted but paired with no protein of the truth",
}
"""Description of each list of ids of a pairing."""

DEFINITIONS = {
    "n": "Number of proteins, residues or segments that the value is computed from.",
    "type right": "Fraction of the proteins of a type whose predicted labels have this type.",
    "topology right": "Fraction of the proteins of a type whose topology is right: the same "
    "segments in the same order, each sharing at least 5 residues (strands 3) with its partner. "
    "For SP and GLOB the type suffices.",
    "type, macro": "Mean of the type accuracies of the types that occur.",
    "type, micro": "Fraction of all proteins with the right type.",
    "topology, macro": "Mean of the topology accuracies of the types that occur.",
    "overlap": "Fraction of all proteins with the right topology.",
    "legal": "Fraction of the predictions that are legal by the full grammar.",
    "residue accuracy": "Fraction of the residues with the right label.",
    "residue macro F1": "Mean F1 of the residue labels that occur.",
    "residue log loss": "Mean of -log p(true label) over residues.",
    "residue brier": "Mean squared distance between label probabilities and truth, 0 to 2.",
    "residue calibration error": "Mean |accuracy - confidence| over 15 bins of equal mass.",
    "confidence brier": "Mean squared error of the confidence that the topology is right.",
    "confidence calibration error": "Mean |accuracy - confidence| of the topology confidence.",
    "precision": "Fraction of the predicted items that are true.",
    "recall": "Fraction of the true items that are predicted.",
    "f1": "Harmonic mean of precision and recall.",
    "F1": "Harmonic mean of precision and recall.",
    "mcc": "Matthews correlation coefficient of a label against all others.",
    "Qok": "Fraction of the proteins with such segments where all are matched and none is extra.",
    "Qnum": "Fraction of the proteins with such segments with the right number of segments.",
    "Qtop": "Fraction of these with the right side of the N-terminus.",
    "SOV": "Segment overlap measure (Zemla 1999).",
    "SOV, all labels": "Segment overlap measure (Zemla 1999) over all labels.",
    "false positives (GLOB, SP)": "Fraction of the GLOB and SP proteins with a predicted membrane "
    "segment.",
    "false negatives": "Fraction of the TM, SP+TM and BETA proteins without a predicted membrane "
    "segment.",
    "MCC against GLOB": "Matthews correlation coefficient of signal peptides against GLOB.",
    "MCC against all others": "Matthews correlation coefficient of signal peptides against all "
    "other proteins.",
}
"""Definition of each column and row name."""


def alignment_lines(alignment: Mapping[str, Any]) -> list[str]:
    """Return lines with the number of scored proteins and the ids of the others."""
    lines = [
        f"{alignment['scored']} proteins scored of {alignment['truth']} in the truth "
        f"({alignment['by_id']} matched by id, {alignment['by_sequence']} by sequence)"
    ]
    for name, words in PROBLEMS.items():
        if ids := alignment[name]:
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            lines.append(f"{len(ids)} {words}: {', '.join(map(printable, ids[:_SHOWN]))}{more}")
    return lines


def evaluation_tables(metrics: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables of an evaluation by name, the headline metrics first.

    Metrics in the labels of another scheme than the built-in one come last.
    """
    tables = _six_tables(metrics) if "type" in metrics else {}
    return tables | (own_tables(metrics["labels"]) if "labels" in metrics else {})


def own_tables(own: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables of the metrics in a scheme's own labels by name."""
    kinds, residue, segments = own["type"], own["residue"], own["segments"]
    overall = [("type, macro", kinds["macro"]), ("type, micro", kinds["micro"])]
    overall += [(f"type {name}", kinds["accuracy"][name]) for name in own["scheme"]["types"]]
    overall += [
        ("residue accuracy", residue["accuracy"]),
        ("residue macro F1", residue["macro_f1"]),
    ]
    overall.append(("SOV, all labels", segments["sov"]["all"]))
    tables = {"own_overall": _metric_table("Own labels", overall, digits=4)}
    parts = {
        "own_residues": ("Own labels: residues", residue, ("precision", "recall", "f1", "mcc")),
        "own_segments": ("Own labels: segments", segments, ("precision", "recall", "f1", "sov")),
    }
    for key, (title, entries, columns) in parts.items():
        rows = []
        for letter, name in own["scheme"]["letters"].items():
            number = str(entries["recall"][letter]["n"])
            values = (_shown(entries[column][letter], 3) for column in columns)
            rows.append((f"{letter} {name}", number, *values))
        tables[key] = _table(title, ("label", "n", *columns), rows)
    return tables


def _six_tables(metrics: Mapping[str, Any]) -> dict[str, Table]:
    confusion = metrics["type"]["confusion"]
    tables = {
        "types": type_table(metrics),
        "overall": _metric_table("Overall", _overall(metrics), digits=4),
        "type_confusion": confusion_table("Types: true (rows), predicted (columns)", confusion),
        "segments": _segment_table(metrics["segments"]),
        "signal": _metric_table("Signal peptides", _signal(metrics["signal"])),
        "residues": _label_table(metrics),
    }
    if "type_head" in metrics:
        head = metrics["type_head"]
        rows = [*head["accuracy"].items(), ("macro", head["macro"]), ("micro", head["micro"])]
        rows += [(name.replace("_", " "), head[name]) for name in ("brier", "calibration_error")]
        tables["type_head"] = _metric_table("Type head (not the letter rule)", rows)
    return tables


def type_table(metrics: Mapping[str, Any]) -> Table:
    """Return type and topology accuracy of each type, with n and interval."""
    rows = []
    for name in TYPES:
        kind, topology = metrics["type"]["accuracy"][name], metrics["topology"]["accuracy"][name]
        shown = (str(kind["n"]), _shown(kind, 3), str(topology["n"]), _shown(topology, 3))
        rows.append((name, *shown))
    return _table("Accuracy per type", ("type", "n", "type right", "n", "topology right"), rows)


def confusion_table(title: str, confusion: Mapping[str, Any]) -> Table:
    """Return the counts of a confusion matrix."""
    rows = zip(confusion["true"], confusion["counts"], strict=True)
    columns = ("", *confusion["predicted"])
    return _table(title, columns, ((name, *map(str, counts)) for name, counts in rows))


def comparison_tables(metrics: Mapping[str, Any]) -> Iterator[Table]:
    """Yield one table of all predictors, then one table per pair of predictors."""
    yield _predictor_table(metrics)
    keys = _compared_keys(metrics)
    for pair in metrics["pairs"]:
        rows = []
        for label, key in keys:
            if entry := pair["figures"].get(key):
                shares = (entry["larger_first"], entry["larger_second"])
                difference = _shown({**entry, "value": entry["difference"]}, 4)
                rows.append((label, difference, *map(_percent, shares)))
        columns = ("figure", "difference", "first larger", "second larger")
        yield _table(f"{pair['first']} minus {pair['second']}", columns, rows)


def _predictor_table(metrics: Mapping[str, Any]) -> Table:
    """Return the headline metrics of each predictor, the largest marked."""
    names = list(metrics["predictors"])
    keys = _compared_keys(metrics)
    sides = [dict(_headlines(metrics["predictors"][name], keys)) for name in names]
    rows, best = [], set()
    for row, label in enumerate(sides[0]):
        entries = [side.get(label) for side in sides]
        rows.append((label, *(_shown(entry, 4) for entry in entries)))
        values = [None if entry is None else entry["value"] for entry in entries]
        best |= best_cells(values, row, smallest=False)
    title = f"{metrics['proteins']} proteins predicted by all"
    return Table(title, named_columns("figure", *names), rows, best=frozenset(best))


def _compared_keys(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and dotted key of the metrics of some predictors, also in own labels."""
    found: Mapping[str, Any] = next(iter(metrics["predictors"].values()))
    keys = list(_headline_keys()) if "topology" in found else []
    if own := found.get("labels"):
        keys += [
            (f"type {name}", f"labels.type.accuracy.{name}") for name in own["type"]["accuracy"]
        ]
        keys.append(("residue accuracy, own labels", "labels.residue.accuracy"))
        for letter in own["segments"]["f1"]:
            keys.append((f"{letter} segment F1", f"labels.segments.f1.{letter}"))
        keys.append(("SOV, own labels", "labels.segments.sov.all"))
    return list({words: (words, key) for words, key in keys}.values())


def _headline_keys() -> Iterator[tuple[str, str]]:
    """Yield name and dotted key of the metrics of a comparison."""
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


def _headlines(
    metrics: Mapping[str, Any], keys: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for words, key in keys:
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
    words = {"precision": "precision", "recall": "recall", "f1": "F1"}
    words |= {"qok": "Qok", "qnum": "Qnum", "qtop": "Qtop"}
    rows = [
        (name, *(_shown(segments[label][key], 3) for label in "MB")) for key, name in words.items()
    ]
    rows.append(("SOV", *(_shown(segments["sov"][label], 3) for label in "MB")))
    rows.append(("SOV, all labels", _shown(segments["sov"]["all"], 3), ""))
    rows.append(("false positives (GLOB, SP)", _shown(segments["false_positives"], 3), ""))
    rows.append(("false negatives", _shown(segments["false_negatives"], 3), ""))
    return _table("Segments", ("", "M helix", "B strand"), rows)


def _label_table(metrics: Mapping[str, Any]) -> Table:
    residue, columns = metrics["residue"], ("precision", "recall", "f1", "mcc")
    rows = []
    for label in LABELS:
        values = (_value(residue[column][label], 3) for column in columns)
        number = str(residue["recall"][label]["n"])
        rows.append((f"{label} {LABEL_NAMES[label]}", number, *values))
    return _table("Residues", ("label", "n", *columns), rows)


def _metric_table(
    title: str, rows: Iterable[tuple[str, Mapping[str, Any]]], digits: int = 3
) -> Table:
    found = []
    for name, entry in rows:
        over = f" (over {entry['over']})" if "over" in entry else ""
        found.append((name + over, str(entry["n"]), _shown(entry, digits)))
    return _table(title, ("figure", "n", "value [95 % interval]"), found)


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    """Return a table with the definitions of its columns and rows."""
    rows = list(rows)
    known = {row[0]: DEFINITIONS.get(row[0].partition(" (over")[0], "") for row in rows}
    return Table(title, named_columns(*columns, definitions=DEFINITIONS), rows, known)


def _value(entry: Mapping[str, Any] | None, digits: int) -> str:
    if entry is None or entry["value"] is None:
        return "-"
    return f"{entry['value']:.{digits}f}"


def _shown(entry: Mapping[str, Any] | None, digits: int) -> str:
    text = _value(entry, digits)
    if entry is None or entry.get("low") is None or text == "-":
        return text
    return f"{text} [{entry['low']:.{digits}f}, {entry['high']:.{digits}f}]"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
