"""Whatever is in a file, a reader gives records or one line that says what is wrong.

Random bytes, and valid files of every format with spans cut out, doubled, truncated, mixed and
filled with awkward characters and numbers. ``TOPO_FUZZ_EXAMPLES`` sets how many files each reader
gets (for a long run, ``TOPO_FUZZ_EXAMPLES=20000 pytest tests/test_fuzz.py``).
"""

from __future__ import annotations

import os
import re
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structure_files import mmcif_text, pdb_text

from topo import io
from topo.checkpoint import load_checkpoint
from topo.config import Config, dump_config, load_config
from topo.errors import TopoError
from topo.grammar.table import default_grammar
from topo.io.grammar import grammar_tree, load_grammar
from topo.io.readers import read_any
from topo.io.structure import read_structure
from topo.labels import LABELS, TYPES
from topo.sweep.file import load_sweep

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
EXAMPLES = int(os.environ.get("TOPO_FUZZ_EXAMPLES", "40"))
SECONDS = 60
"""No file here is larger than a few kilobytes, so a reader that computes for as long hangs; the
first one compiles part of the decoder."""

SWISSPROT = """\
ID   TEST_HUMAN              Reviewed;          60 AA.
AC   P12345; Q99999;
DT   01-JAN-1990, integrated into UniProtKB/Swiss-Prot.
DT   01-JAN-1990, sequence version 1.
DT   01-JAN-2020, entry version 100.
DE   RecName: Full=Test protein {ECO:0000305};
OS   Homo sapiens (Human).
OC   Eukaryota; Metazoa.
CC   -!- SUBCELLULAR LOCATION: Cell membrane {ECO:0000305}; Single-pass
CC       type I membrane protein {ECO:0000255}.
FT   SIGNAL          1..18
FT                   /evidence="ECO:0000255"
FT   TOPO_DOM        19..30
FT                   /note="Extracellular"
FT   TRANSMEM        31..50
FT                   /note="Helical"
FT   TOPO_DOM        51..60
FT                   /note="Cytoplasmic"
SQ   SEQUENCE   60 AA;  6000 MW;  0123456789ABCDEF CRC64;
     MKTLLLTLLV ALLLAQAQAS DEEKTGNQRS LLIVAGLLIV AGLLIVAGLL RKKRKRSSTT
//
"""
INTERPROSCAN = """##gff-version 3
##interproscan-version 5.72-103.0
##sequence-region a 1 60
a\t.\tpolypeptide\t1\t60\t.\t+\t.\tID=a;md5=0123456789abcdef0123456789abcdef
a\tPhobius\tprotein_match\t1\t30\t.\t+\t.\tName=NON_CYTOPLASMIC_DOMAIN
a\tPhobius\tprotein_match\t31\t50\t.\t+\t.\tName=TRANSMEMBRANE;signature_desc=Region
a\tTMbed\tprotein_match\t31\t50\t.\t+\t.\tName=TMhelix_in-to-out
##FASTA
>a
MKT
"""
INTERPROSCAN_TSV = "".join(
    f"a\t0123456789abcdef0123456789abcdef\t60\t{program}\t{term}\t-\t{place}\t-\tT\t1-1-2025\n"
    for program, term, place in (
        ("Pfam", "PF1", "1\t60"),
        ("TMbed", "TMhelix_in-to-out", "31\t50"),
        ("SignalP_EUK", "SignalP-noTM", "1\t20"),
    )
)
CASES = ROOT / "tests" / "cases" / "other_programs"


@cache
def valid_files() -> dict[str, bytes]:
    """Small valid files of every format by the name of the format."""
    three_line = (ROOT / "data/example/proteins.3line").read_bytes()
    partitions = (ROOT / "data/example/example.partitions.json").read_bytes()
    short = next(line for line in partitions.splitlines() if b'"labels"' in line)
    header = f"format: 1\nlabels: {''.join(LABELS)}\ntypes: [{', '.join(TYPES)}]\n"
    files = {path.name: path.read_bytes()[:3000] for path in GOLDEN.iterdir() if path.is_file()}
    files |= {
        "fasta": (ROOT / "data/example/proteins.fasta").read_bytes()[:1500],
        "3line": b"\n".join(three_line.split(b"\n")[:9]) + b"\n",
        "partitions": b'{"cv0": [' + short.rstrip(b",") + b"]}",
        "swissprot": SWISSPROT.encode(),
        "csv": next(GOLDEN.glob("deeptmhmm/*_probs.csv")).read_bytes(),
        "pdb": pdb_text("MKTLLV", predicted=True).encode(),
        "mmcif": mmcif_text("MKTLLV").encode(),
        "uniprot": (CASES / "uniprot_10_columns.gff").read_bytes()[:1500],
        "tmhmm": (CASES / "tmhmm2_long.txt").read_bytes()[:1500],
        "interproscan": INTERPROSCAN.encode(),
        "matches": INTERPROSCAN_TSV.encode(),
        "config": dump_config(Config()).encode(),
        "checkpoint": (header + dump_config(Config())).encode(),
        "grammar": yaml.safe_dump(grammar_tree(default_grammar()), sort_keys=False).encode(),
        "sweep": (ROOT / "configs/sweeps/bayes.yaml").read_bytes(),
    }
    return files


def _checkpoint(path: Path) -> list[Any]:
    """Read a file as the configuration of a checkpoint without weights."""
    folder = path.parent / "checkpoint"
    folder.mkdir()
    (folder / "config.yaml").write_bytes(path.read_bytes())
    return [load_checkpoint(folder)]


READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "fasta": (lambda p: list(io.read_fasta(p)), "fasta"),
    "3line": (lambda p: list(io.read_three_line(p)), "3line"),
    "partitions": (lambda p: list(io.read_partitions(p)), "partitions"),
    "swissprot": (lambda p: list(io.read_swissprot(p)), "swissprot"),
    "records": (lambda p: list(io.read_proteins(p)), "fasta 3line partitions swissprot"),
    "predictions": (
        lambda p: list(io.read_predictions(p)),
        "TMRs.gff3 topologies.gff3 predicted_topologies.3line predictions.jsonl "
        "tmbed0.pred tmbed1.pred tmbed2.pred tmbed4.pred tmhmm.short phobius.short "
        "prediction_results.txt output.gff3 summary.tsv uniprot tmhmm interproscan matches",
    ),
    "any": (lambda p: list(read_any(p)), "fasta TMRs.gff3 topologies.gff3 tmbed3.pred 3line"),
    "structure": (read_structure, "pdb mmcif"),
    "inputs": (lambda p: list(io.read_inputs(p)), "pdb mmcif fasta"),
    "grammar": (load_grammar, "grammar"),
    "config": (load_config, "config"),
    "checkpoint": (_checkpoint, "checkpoint"),
    "sweep": (load_sweep, "sweep"),
}  # fmt: skip

AWKWARD = [
    *(b"\x00 \xff\xfe \xef\xbb\xbf \xc2\x85 \xe2\x80\xa8 \x1c \r \n \t \x0b > | # // - * . , : ;"
      b" [ ] { } & !!x !!python/object:os.system \x1f\x8b \xed\xa0\x80").split(b" "),
    *("² ２ ٣ é 𝟙 \\ud800 nan inf NaN -Infinity null true 1e400 -1 0 0x 0b 1_0 2001-99-99 "
      "999999999999 -999999999999999999999999 1" + 400 * "0").encode().split(b" "),
    b" ", b" | ", b"\n\n", b">\n", b"\n>", b"[" * 3000, b"{" * 200, b'{"a":' * 3000, b"9" * 5000,
    b"X" * 5000, b"<<: ", b"? ", b"- " * 500, b"MODEL        \xc2\xb2\n", b"loop_\n", b"data_\n",
]  # fmt: skip
_NUMBER = re.compile(rb"\d+")


@st.composite
def damaged(draw: st.DrawFn, names: str) -> bytes:
    """A valid file with a few spans changed, or random bytes."""
    content = valid_files()[draw(st.sampled_from(names.split()))]
    kinds = st.sampled_from(["cut", "put", "number", "double", "truncate", "mix", "random"])
    for kind in draw(st.lists(kinds, min_size=1, max_size=5)):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 60)))
        if kind == "cut":
            content = content[:start] + content[end:]
        elif kind == "put":
            awkward = draw(st.sampled_from(AWKWARD))
            content = content[:start] + awkward + content[draw(st.sampled_from([start, end])) :]
        elif kind == "number":
            numbers = list(_NUMBER.finditer(content))
            if numbers:
                found = numbers[draw(st.integers(0, len(numbers) - 1))]
                value = draw(st.sampled_from(AWKWARD) | st.integers().map(lambda n: b"%d" % n))
                content = content[: found.start()] + value + content[found.end() :]
        elif kind == "double":
            content = content[:end] + content[start:]
        elif kind == "truncate":
            content = content[:start]
        elif kind == "mix":
            other = valid_files()[draw(st.sampled_from(sorted(valid_files())))]
            content = content[:start] + other[draw(st.integers(0, len(other))) :][:200]
        else:
            content = content[:start] + draw(st.binary(max_size=20)) + content[end:]
    return content


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Raise in a block that takes longer."""

    def stop(*_: object) -> None:
        raise AssertionError(f"the reader took more than {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of the processor, however busy it is
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check_reader(name: str, content: bytes) -> None:
    """Read a file: a result, or a TopoError of one line."""
    read, _ = READERS[name]
    with TemporaryDirectory() as folder, warnings.catch_warnings(), no_longer_than(SECONDS):
        warnings.simplefilter("ignore")
        path = Path(folder) / "file"
        path.write_bytes(content)
        message = None
        try:
            found = read(path)
        except TopoError as error:
            found, message = None, str(error)
    assert (found is None) == bool(message)
    assert message is None or message.isprintable()


def _sweep(old: bytes, new: bytes) -> bytes:
    return valid_files()["sweep"].replace(old, new)


KNOWN = [
    ("predictions", b"# a Length: 999999999999\na\tinside\t1\t4\n"),
    ("predictions", b"a\tinside\t1\t999999999999\n"),
    ("predictions", b"##gff-version 3\n##sequence-region a 1 999999999999\n"),
    ("predictions", b"##gff-version 3\na\tx\tsignal_peptide\t1\t999999999999\t.\t.\t.\t.\n"),
    ("predictions", b'{"a":' * 3000),
    (
        "predictions",
        b'{"id":"a","sequence":"M","labels":"I","probabilities":[[1%s,0,0,0,0,0]]}' % (b"0" * 400),
    ),
    ("structure", b"MODEL        \xc2\xb2\nATOM  "),
    ("structure", b"data_x\nloop_\nx y\n"),
    ("swissprot", SWISSPROT.replace("31..50", "-999999999999..50").encode()),
    *((name, b"a: 2001-99-99") for name in ("grammar", "config", "checkpoint", "sweep")),
    *((name, b"[" * 3000) for name in ("grammar", "config", "checkpoint", "sweep")),
    ("sweep", _sweep(b"min_iter: 3", b"min_iter: .")),
    ("sweep", _sweep(b"eta: 3", b"eta: x")),
    ("sweep", _sweep(b"min: 0.0003", b"min: -1")),
    ("config", b'data: {"a\\nb": 2}'),
    ("config", b'"a\\u2028b": 2'),
    ("config", b"training: {batch: 0x%s}" % (b"f" * 5000)),
    ("config", b"model: {recurrent: {layers: 999999999}}"),
    ("grammar", b"states: {a: {letter: I, start: true, end: true, maximum: 999999999999}}"),
    ("grammar", b"states: {a: {letter: I, start: true, end: true, minimum: 9%s}}" % (b"9" * 30)),
]
"""Files that once made a reader fail otherwise, hang, or ask for all memory."""


@pytest.mark.parametrize(("name", "content"), KNOWN)
def test_what_fuzzing_found_is_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(TopoError) as found:
        READERS[name][0](path)
    assert str(found.value).isprintable()


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_give_records_or_one_line(name: str, data: st.DataObject) -> None:
    check_reader(name, data.draw(damaged(READERS[name][1]), label="content"))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes_give_records_or_one_line(name: str, content: bytes) -> None:
    check_reader(name, content)


@pytest.mark.parametrize("name", READERS)
def test_the_undamaged_files_are_read(name: str) -> None:
    read, formats = READERS[name]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(valid_files()[formats.split()[0]])
        if name == "checkpoint":
            with pytest.raises(TopoError, match=r"model\.safetensors"):
                read(path)
        else:
            assert read(path)
