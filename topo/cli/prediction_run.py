"""Parts of ``topo predict``: the size of the input, the results, and standard output."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from topo.cli.interrupt import Interrupt
from topo.errors import ConfigError, RecordError, TopoError

if TYPE_CHECKING:
    from topo.inference import PredictionStream
    from topo.io.writers import Writers
    from topo.labels.scheme import LabelScheme
    from topo.protein import Prediction, Protein

STANDARD_OUTPUT = "-"
"""Path of standard output."""

DEFAULT_FOLDER = "predictions"
"""Output folder where none is named."""


class Size(NamedTuple):
    """Number of proteins and residues of a file."""

    proteins: int
    residues: int

    @classmethod
    def of(cls, inputs: Iterable[Protein]) -> Size:
        """Read the input once, so that its errors are raised before anything is written."""
        try:
            lengths = Counter(map(len, inputs))
        except RecordError as error:
            hints = "--skip-invalid leaves faulty records out"
            if "found '*'" in str(error) or "found '.'" in str(error):
                hints += ", --mask-stops reads stops within a sequence as X"
            raise TopoError(f"{error}; {hints}") from None
        return cls(lengths.total(), sum(length * count for length, count in lengths.items()))


class Results:
    """Writes each prediction to all outputs and counts it.

    Parameters
    ----------
    structures
        Path to the folder of labelled structures; None writes none.
    scheme
        Scheme of the labels to write.
    """

    def __init__(self, structures: Path | None, scheme: LabelScheme) -> None:
        from topo.io.ids import FileNames
        from topo.report.summary_table import Counts

        self.counts, self.written, self._scheme = Counts(), 0, scheme
        self._structures, self._names = structures, FileNames()
        self._protein: Protein | None = None

    def write_all(self, stream: PredictionStream, outputs: Writers) -> bool:
        """Write all predictions; after Ctrl-C the computed ones. Return whether Ctrl-C came."""
        pairs = iter(stream)
        with Interrupt() as interrupt:
            try:
                for pair in pairs:
                    with interrupt.held():
                        self._write(*pair, outputs)
            except KeyboardInterrupt:
                pairs.close()
                for pair in stream.finished(self.written):
                    self._write(*pair, outputs)
                return True
        return False

    def is_wrong(self, prediction: Prediction) -> bool:
        """Return whether the labels in the input differ from the current prediction."""
        from topo.metrics.summary import judge

        labels = self._protein.labels if self._protein else None
        return labels is not None and judge(labels, prediction.in_six().labels).reason is not None

    def _write(self, protein: Protein, prediction: Prediction, outputs: Writers) -> None:
        from topo.report.structures import save_structure

        self._protein = protein
        if prediction.scheme is not self._scheme:
            prediction = prediction.in_six()
        outputs.write(prediction)
        if self._structures and (info := protein.structure):
            name = self._names.name(prediction.id)
            save_structure(prediction, info, self._structures, name)
        self.counts.add(prediction)
        self.written += 1


def quietly(records: Iterable[Protein]) -> Iterator[Protein]:
    """Read without the warnings that the first reading issued."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from records


def choose_output(output: Path | None, as_json: bool, sequence: str | None) -> Path | None:
    """Return the output folder, or None for standard output.

    Raises
    ------
    ConfigError
        If ``--json`` meets an output folder.
    """
    if as_json and output is not None and str(output) != STANDARD_OUTPUT:
        raise ConfigError(
            f"found --json and the output folder {output}, expected one of them (--format jsonl "
            "writes JSON lines to a folder)"
        )
    if as_json or str(output) == STANDARD_OUTPUT or (output is None and sequence is not None):
        return None
    return output or Path(DEFAULT_FOLDER)


def refuse_beside(option: str, others: Mapping[str, object]) -> None:
    """Check that an option is set without certain others, given by name with their values.

    Raises
    ------
    ConfigError
        If one of the others is set; the message names it.
    """
    for name, value in others.items():
        if value:
            raise ConfigError(f"found {option} and {name}, expected one of them")


def stream_format(
    formats: Sequence[str] | None, as_json: bool, needs_folder: Mapping[str, object]
) -> str:
    """Return the format of a run that writes to standard output.

    Parameters
    ----------
    formats
        Formats by option, or None.
    as_json
        Whether ``--json`` is set.
    needs_folder
        Options that need an output folder, by name with their values.

    Raises
    ------
    ConfigError
        If the options ask for other than one text.
    """
    from topo.io.output_formats import DEFAULT_FORMATS, check_stream_format

    for name, value in needs_folder.items():
        if value:
            raise ConfigError(
                f"found {name} and standard output, expected an output folder (-o FOLDER)"
            )
    chosen = list(dict.fromkeys(formats or (["jsonl"] if as_json else DEFAULT_FORMATS[:1])))
    if as_json and chosen != ["jsonl"]:
        raise ConfigError(f"found --json and --format {chosen[0]}, expected one of them")
    if len(chosen) > 1:
        raise ConfigError(
            f"found {len(chosen)} formats ({', '.join(chosen)}), expected one on standard output"
        )
    check_stream_format(chosen[0])
    return chosen[0]
