"""The layout of DeepTMHMM's result folder: 3-line file, ``TMRs.gff3`` and results page.

``TMRs.gff3`` is not valid GFF3 (eight columns, the kind of segment in the second); it is written
because many programs read exactly this. Some of them need a side before the first helix, so a
helix that begins the chain or follows a signal peptide directly gives up its first residue: that
residue is written as the side opposite to the one behind the helix. Unknown residues get no row.
"""

from __future__ import annotations

from collections.abc import Iterator

from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.io.sides import sides_around
from topo.io.three_line import SEPARATOR
from topo.labels import HELIX, LABEL_NAMES, MEMBRANE, SIDES, TYPES, UNKNOWN, protein_type
from topo.protein import Prediction, Protein
from topo.segments import Segment

TMRS_HEADER = "##gff-version 3\n"
TMRS_SEPARATOR = "//\n"
WORDS = {
    "I": "inside",
    "O": "outside",
    "P": "periplasm",
    "S": "signal",
    "M": "TMhelix",
    "B": "Beta sheet",
}
_LETTERS = {word: letter for letter, word in WORDS.items()}


def three_line_record(prediction: Prediction) -> str:
    """Write ``>ID | TYPE``, sequence and labels; a prediction without a type gets ``>ID``."""
    kind = f"{SEPARATOR}{prediction.type}" if prediction.type else ""
    return f">{plain_id(prediction.id)}{kind}\n{prediction.sequence}\n{prediction.labels}\n"


def with_header_type(protein: Protein) -> Prediction:
    """Take a 3-line record as a prediction.

    The type is the header's where that is one of :data:`topo.labels.TYPES`, else the one that
    the labels spell.
    """
    kind = protein.header_type
    kind = kind if kind in TYPES else protein_type(protein.labels or "")
    return Prediction(protein.id, protein.sequence, protein.labels or "", kind)


def tmrs_record(prediction: Prediction) -> str:
    """Write the block of one protein in ``TMRs.gff3``, without the separator.

    Returns
    -------
    str
        Two comment lines, then one row a segment: id, word, first and last residue (1-based),
        four empty columns.
    """
    name = plain_id(prediction.id)
    segments = prediction.segments
    count = sum(segment.label in MEMBRANE for segment in segments)
    rows = [
        f"# {name} Length: {len(prediction)}\n# {name} Number of predicted TMRs: {count}\n",
        *(
            f"{name}\t{WORDS[label]}\t{start + 1}\t{end}\t\t\t\t\n"
            for label, start, end in with_side_before_first_helix(segments)
            if label != UNKNOWN
        ),
    ]
    return "".join(rows)


def with_side_before_first_helix(segments: list[Segment]) -> list[Segment]:
    """Turn the first residue of the first helix into a loop where no side comes before it.

    A helix of a single residue is left as it is.
    """
    for index, segment in enumerate(segments):
        if segment.label in SIDES:
            return segments
        if segment.label == HELIX and segment.length > 1:
            cut = segment.start + 1
            side = Segment(sides_around(segments, index)[0], segment.start, cut)
            rest = Segment(HELIX, cut, segment.end)
            return [*segments[:index], side, rest, *segments[index + 1 :]]
    return segments


def results_header(program: str) -> str:
    """Head of ``deeptmhmm_results.md``; ``program`` is name and version of who predicted."""
    return (
        f"# Predictions of {program}\n\n"
        "Topologies: [TMRs.gff3](TMRs.gff3), "
        "[predicted_topologies.3line](predicted_topologies.3line)\n\n"
        "| id | type | length | topology |\n|---|---|---|---|\n"
    )


def results_record(prediction: Prediction) -> str:
    """One row of the table in ``deeptmhmm_results.md``."""
    topology = ", ".join(
        f"{LABEL_NAMES[label]} {start + 1}-{end}" for label, start, end in prediction.segments
    )
    name = plain_id(prediction.id).replace("|", "\\|")
    return f"| {name} | {prediction.type or '-'} | {len(prediction)} | {topology} |\n"


def parse_tmrs(lines: Lines) -> Iterator[Prediction]:
    """Read ``TMRs.gff3``; also four columns, and records without ``Length`` lines.

    The sequence is not in the file: it is given as ``X`` throughout. Residues without a row are
    unknown. Without a ``Length`` line the last row ends the protein. Types follow the letters.
    """
    block = _Block()
    for line in lines:
        if not line.strip() or line.startswith(("//", "##")):
            continue
        if line.startswith("#"):
            block, done = _comment(lines, line, block)
        else:
            block, done = _row(lines, line, block)
        if done is not None:
            yield done.finish()
    if block.name:
        yield block.finish()


class _Block:
    """Rows of one protein while they are gathered."""

    def __init__(self, name: str = "", length: int | None = None) -> None:
        self.name = name
        self.length = length
        self.labels: list[str] = []
        self.end = 0

    def finish(self) -> Prediction:
        length = self.end if self.length is None else self.length
        labels = "".join(self.labels) + UNKNOWN * (length - self.end)
        return Prediction(self.name, "X" * length, labels, protein_type(labels))


def _comment(lines: Lines, line: str, block: _Block) -> tuple[_Block, _Block | None]:
    """Take a ``# ID Length: N`` line; other comments change nothing."""
    name, colon, value = line[1:].strip().partition(" Length:")
    if not colon:
        return block, None
    length = lines.place(value.strip(), "length")
    if length < 0:
        lines.fail(f"found length {length}, expected a number of residues")
    return _Block(name, length), block if block.name else None


def _row(lines: Lines, line: str, block: _Block) -> tuple[_Block, _Block | None]:
    """Add a row to its protein; an id other than the last begins a new one."""
    fields = line.split("\t")
    if len(fields) < 4:
        lines.fail(f"found {len(fields)} columns, expected id, kind, start and end")
    name, word, first, last = fields[:4]
    if word not in _LETTERS:
        lines.fail(f"found segment {word!r}, expected one of {', '.join(_LETTERS)}")
    start, end = lines.place(first, "start") - 1, lines.place(last, "end")
    done = None
    if name != block.name:
        block, done = _Block(name), block if block.name else None
    limit = end if block.length is None else block.length
    if not block.end <= start < end <= limit:
        lines.fail(
            f"found residues {first}-{last} of {name}, expected them after {block.end} "
            f"and within {limit}"
        )
    block.labels.append(UNKNOWN * (start - block.end) + _LETTERS[word] * (end - start))
    block.end = end
    return block, done
