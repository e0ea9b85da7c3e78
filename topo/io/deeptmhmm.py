"""``deeptmhmm_results.md``, the results page of DeepTMHMM's output folder."""

from __future__ import annotations

from topo.io.ids import plain_id
from topo.io.markdown import plain_markdown
from topo.labels import LABEL_NAMES
from topo.protein import Prediction


def results_header(program: str) -> str:
    """Return the header of ``deeptmhmm_results.md``; ``program`` is its name and version."""
    return (
        f"# Predictions of {program}\n\n"
        "Topologies: [TMRs.gff3](TMRs.gff3), "
        "[predicted_topologies.3line](predicted_topologies.3line)\n\n"
        "| id | type | length | topology |\n|---|---|---|---|\n"
    )


def results_record(prediction: Prediction) -> str:
    """Format one row of the table in ``deeptmhmm_results.md``."""
    topology = ", ".join(
        f"{LABEL_NAMES[label]} {start + 1}-{end}" for label, start, end in prediction.segments
    )
    name = plain_markdown(plain_id(prediction.id))
    return f"| {name} | {prediction.type or '-'} | {len(prediction)} | {topology} |\n"
