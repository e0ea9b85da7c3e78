"""Pairing of true proteins with predictions by id and sequence; reports every unpaired record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from topo.protein import Prediction, Protein


class Pair(NamedTuple):
    """A true protein, its prediction and the criterion by which they were paired."""

    truth: Protein
    prediction: Prediction
    matched_by: str
    """``id`` or ``sequence``."""
    row: int
    """Index of the protein in the truth."""


@dataclass(frozen=True)
class Pairing:
    """Pairs in the order of the truth, and the ids of all records that are not paired.

    Parameters
    ----------
    pairs
        Scored pairs.
    missing
        True proteins without a prediction.
    unlabelled
        True proteins without labels.
    length_differs
        True proteins whose prediction (by id) has another number of residues; not scored.
    sequence_differs
        Proteins that are paired by id although the two sequences differ; scored.
    doubled_truth, doubled_predictions
        Ids that occur more than once. Of several predictions the first that fits is scored.
    extra
        Predictions that are not paired and whose ids are in none of the lists above: their
        protein is not in the truth, or is paired with another record.
    """

    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    length_differs: tuple[str, ...] = ()
    sequence_differs: tuple[str, ...] = ()
    doubled_truth: tuple[str, ...] = ()
    doubled_predictions: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def problems(self) -> dict[str, list[str]]:
        """Return all lists of ids by name, including empty ones."""
        return {
            "missing": list(self.missing),
            "unlabelled": list(self.unlabelled),
            "length_differs": list(self.length_differs),
            "sequence_differs": list(self.sequence_differs),
            "doubled_truth": list(self.doubled_truth),
            "doubled_predictions": list(self.doubled_predictions),
            "extra": list(self.extra),
        }


def pair_records(truth: Sequence[Protein], predictions: Sequence[Prediction]) -> Pairing:
    """Pair each true protein with at most one prediction, each prediction used at most once.

    Records with the same id and sequence are paired first, then those with the same id and
    length, then those with the same sequence. A prediction of unknown sequence (all ``X``) is
    paired by id only.

    Returns
    -------
    Pairing
        Pairs in the order of the truth, and the ids of all unpaired records.
    """
    found: dict[int, tuple[int, str]] = {}
    used: set[int] = set()
    labelled = [row for row, protein in enumerate(truth) if protein.labels is not None]

    def pair_up(key: Callable[[Protein | Prediction], object], criterion: str) -> None:
        waiting: dict[object, list[int]] = defaultdict(list)
        for column in reversed(range(len(predictions))):
            if column not in used:
                waiting[key(predictions[column])].append(column)
        for row in labelled:
            columns = waiting.get(key(truth[row])) if row not in found else None
            if columns:
                found[row] = columns.pop(), criterion
                used.add(found[row][0])

    pair_up(lambda record: (record.id, record.sequence), "id")
    pair_up(lambda record: (record.id, len(record)), "id")
    pair_up(lambda record: record.sequence, "sequence")
    pairs = [
        Pair(truth[row], predictions[found[row][0]], found[row][1], row) for row in sorted(found)
    ]
    left = [row for row in labelled if row not in found]
    unlabelled = [protein.id for protein in truth if protein.labels is None]
    unused = [p.id for column, p in enumerate(predictions) if column not in used]
    unused_ids = set(unused)
    wrong_length = [truth[row].id for row in left if truth[row].id in unused_ids]
    named = {*wrong_length, *unlabelled, *(pair.prediction.id for pair in pairs)}
    return Pairing(
        pairs=tuple(pairs),
        missing=tuple(truth[row].id for row in left if truth[row].id not in unused_ids),
        unlabelled=tuple(unlabelled),
        length_differs=tuple(wrong_length),
        sequence_differs=tuple(pair.truth.id for pair in pairs if _other_sequence(pair)),
        doubled_truth=_doubled(protein.id for protein in truth),
        doubled_predictions=_doubled(prediction.id for prediction in predictions),
        extra=tuple(name for name in unused if name not in named),
    )


def _doubled(ids: Iterable[str]) -> tuple[str, ...]:
    seen: dict[str, int] = defaultdict(int)
    for name in ids:
        seen[name] += 1
    return tuple(name for name, count in seen.items() if count > 1)


def _other_sequence(pair: Pair) -> bool:
    one, other = pair.truth.sequence, pair.prediction.sequence
    return one != other and bool(other.strip("X"))
