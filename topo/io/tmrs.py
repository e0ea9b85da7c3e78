"""``TMRs.gff3``, the segment table of DeepTMHMM.

It is not valid GFF3 (eight columns, the kind of segment in the second), but many programs read
exactly this layout. Some of them need a side before the first helix, so a helix at the start of
the chain or directly after a signal peptide gives up its first residue: that residue is written
as the side opposite to the one after the helix. Unknown residues get no row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.io.sides import sides_around
from topo.labels import HELIX, MEMBRANE, SIDES, UNKNOWN, protein_type
from topo.protein import Prediction
from topo.segments import Segment

HEADER = "##gff-version 3\n"
SEPARATOR = "//\n"
WORDS = {
    "I": "inside",
    "O": "outside",
    "P": "periplasm",
    "S": "signal",
    "M": "TMhelix",
    "B": "Beta sheet",
}
TERMS = {
    "tmhelix": "M",
    "alpha helix": "M",
    "beta sheet": "B",
    "tmbeta": "B",
    "beta strand": "B",
    "signal": "S",
    "signal peptide": "S",
    "inside": "I",
    "outside": "O",
    "periplasm": "P",
}
"""Labels by the names that versions of DeepTMHMM and its readers give segments, in lower case."""

_TMHMM_ROW = re.compile(r"(\S+)\s+TMHMM\S*\s+(inside|outside|TMhelix)\s+(\S+)\s+(\S+)\s*")
_LETTERS = {word: letter for letter, word in WORDS.items()}


def tmrs_record(prediction: Prediction) -> str:
    """Format the block of one protein in ``TMRs.gff3``, without the separator.

    Returns
    -------
    str
        Two comment lines, then one row per segment: id, word, first and last residue (1-based),
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
    """Convert the first residue of the first helix to a loop where no side is before it.

    A helix of a single residue is unchanged.
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


def parse_tmrs(lines: Lines) -> Iterator[Prediction]:
    """Parse ``TMRs.gff3``, also with four columns or without ``Length`` lines.

    TMHMM's long format is read too; it has the program in a column before the kind of segment.

    The sequence is not in the file; it is ``X`` throughout. Residues without a row are unknown.
    Without a ``Length`` line the last row ends the protein. Types follow the letters.
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
            yield done.finish(lines)
    if block.name:
        yield block.finish(lines)


class _Block:
    """Collected rows of one protein."""

    def __init__(self, name: str = "", length: int | None = None) -> None:
        self.name = name
        self.length = length
        self.labels: list[str] = []
        self.end = 0

    def finish(self, lines: Lines) -> Prediction:
        length = self.end if self.length is None else self.length
        lines.declare(length, self.name)
        labels = "".join(self.labels) + UNKNOWN * (length - self.end)
        return Prediction(self.name, "X" * length, labels, protein_type(labels))


def _comment(lines: Lines, line: str, block: _Block) -> tuple[_Block, _Block | None]:
    """Parse a ``# ID Length: N`` line; other comments are ignored."""
    name, colon, value = line[1:].strip().partition(" Length:")
    if not colon:
        return block, None
    length = lines.place(value.strip(), "length")
    if length < 0:
        lines.fail(f"found length {length}, expected a number of residues")
    return _Block(name, length), block if block.name else None


def _fields(line: str) -> list[str]:
    """Split a row; of TMHMM's long format without the name of the program."""
    if found := _TMHMM_ROW.fullmatch(line):
        return list(found.groups())
    return line.split("\t")


def _row(lines: Lines, line: str, block: _Block) -> tuple[_Block, _Block | None]:
    """Add a row to its protein; another id begins a new block."""
    fields = _fields(line)
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
