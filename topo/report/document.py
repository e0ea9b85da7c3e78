"""Data of one protein as the report page shows it: one JSON object per protein."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from topo.io.segment_table import segment_rows
from topo.labels.scheme import LabelScheme
from topo.protein import Alternatives, Prediction
from topo.report.answer import accession, answer, description, end_names
from topo.report.orientation import upright
from topo.report.snake.layout import lay_out
from topo.segments import to_segments

FORMAT = 1
_FAR = 99_999
"""Largest coordinate, in 0.1 angstrom."""


def protein_document(
    prediction: Prediction, *, probabilities: bool = True, diagram: bool = True
) -> dict[str, Any]:
    """Return what the page shows of one protein; every value can be written as JSON.

    Parameters
    ----------
    prediction
        Prediction to show.
    probabilities
        Whether to include the probabilities of the residues and the structure.
    diagram
        Whether to include the layout of the snake diagram.

    Returns
    -------
    dict
        Keys as in the page "Report page" of the documentation.
    """
    scheme = prediction.scheme
    begin, finish = end_names(prediction.labels, scheme)
    kinds, given = prediction.type_probabilities, prediction.constraint_log_probability
    confidence = prediction.confidence
    document: dict[str, Any] = {
        "format": FORMAT,
        "id": prediction.id,
        "description": description(prediction),
        "accession": accession(prediction.id),
        "answer": answer(prediction.labels, prediction.type, scheme),
        "type": prediction.type,
        "type_probabilities": None if kinds is None else _named(kinds.tolist(), scheme.type_names),
        "confidence": None if confidence is None else round(float(confidence), 4),
        "n_terminus": begin,
        "c_terminus": finish,
        "relatives": prediction.relatives,
        "constraints": None if given is None else round(math.exp(given), 6),
        "sequence": prediction.sequence,
        "topology": short_topology(prediction.labels),
        "segments": [
            {
                "label": row.segment.label,
                "number": row.number,
                "first": row.segment.start + 1,
                "last": row.segment.end,
                "before": row.side_before,
                "after": row.side_after,
                "probability": None if row.probability is None else round(row.probability, 4),
            }
            for row in segment_rows(prediction)
        ],
        "alternatives": _alternatives(prediction.alternatives, scheme),
        "probabilities": None,
        "diagram": _diagram(prediction) if diagram else None,
        "structure": None,
    }
    if probabilities:
        document["probabilities"] = _percent(prediction.probabilities, scheme.letters)
        document["structure"] = _structure(prediction)
    return document


def short_topology(labels: str) -> str:
    """Return letters and lengths of the segments, for example ``I12M21O4``."""
    return "".join(f"{segment.label}{segment.length}" for segment in to_segments(labels))


def _named(values: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(names, values, strict=True)}


def _percent(
    probabilities: np.ndarray | None, letters: Sequence[str]
) -> dict[str, list[int]] | None:
    """Return whole per cent of each label that reaches 1 %, run by run: value, count, and so on."""
    if probabilities is None:
        return None
    size = len(probabilities)
    if not size:
        return {}
    percent = np.rint(np.asarray(probabilities).T * 100).astype(np.int64).ravel()
    is_start = np.empty(percent.size, dtype=bool)
    np.not_equal(percent[1:], percent[:-1], out=is_start[1:])
    is_start[::size] = True  # a run ends with its label
    starts = np.flatnonzero(is_start)
    runs = np.empty((len(starts), 2), dtype=np.int64)
    runs[:, 0] = percent[starts]
    runs[:-1, 1] = starts[1:] - starts[:-1]
    runs[-1, 1] = percent.size - starts[-1]
    cuts = np.searchsorted(starts, np.arange(len(letters) + 1) * size)
    found = {}
    for k, label in enumerate(letters):
        flat = runs[cuts[k] : cuts[k + 1]].ravel().tolist()
        if flat != [0, size]:
            found[label] = flat
    return found


def _alternatives(found: Alternatives | None, scheme: LabelScheme) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "topologies": [
            {
                "topology": short_topology(labels),
                "answer": answer(labels, scheme.type_of(labels), scheme),
                "probability": round(probability, 4),
            }
            for labels, probability in found.topologies
        ],
        "unlisted": round(found.unlisted, 4),
        "flipped": round(found.flipped, 4),
        "segments": [round(share, 4) for share in found.segments],
        "n_inside": round(found.n_inside, 4),
    }


def _structure(prediction: Prediction) -> dict[str, Any] | None:
    """Return C-alphas in 0.1 angstrom, null if unknown, with the outside up where that is known."""
    if prediction.structure is None:
        return None
    places, turned = upright(prediction.structure.coordinates, prediction.segments)
    tenths = np.rint(10 * places).clip(-_FAR, _FAR)
    flat = [
        None if math.isnan(value) else int(value) for value in tenths.astype(float).ravel().tolist()
    ]
    return {"coordinates": flat, "outside_up": turned}


def _diagram(prediction: Prediction) -> dict[str, Any]:
    """Return the layout in hundredths of a bead unit."""
    snake = lay_out(prediction)
    parts = [*snake.runs, *snake.links, *snake.bodies]
    points = [point for part in parts for point in part.points]
    flat = iter(_hundredths(list(chain.from_iterable(points))))
    places = [list(islice(flat, 2 * len(part.points))) for part in parts]
    links, bodies = len(snake.runs), len(snake.runs) + len(snake.links)
    texts = [
        [text.words, *_hundredths((text.x, text.y)), text.kind, text.anchor] for text in snake.texts
    ]
    return {
        "box": _hundredths(snake.box()),
        "membrane": _hundredths(snake.membrane) if snake.membrane else None,
        "runs": [[run.first + 1, xy] for run, xy in zip(snake.runs, places, strict=False)],
        "links": [
            [link.kind, xy] for link, xy in zip(snake.links, places[links:bodies], strict=True)
        ],
        "bodies": [
            [body.label, xy] for body, xy in zip(snake.bodies, places[bodies:], strict=True)
        ],
        "texts": texts,
    }


def _hundredths(values: Sequence[float]) -> list[int]:
    if len(values) > 16:
        return np.rint(100 * np.array(values)).astype(int).tolist()
    return [round(100 * value) for value in values]
