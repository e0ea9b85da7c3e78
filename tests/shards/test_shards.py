"""Shards: planning, completion by several processes, refusals, checks and union."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import command
from shard_files import (
    EXAMPLE,
    by_one_process,
    check_union,
    completed,
    kill,
    many_proteins,
    merged,
    receipts,
    start,
    wait_for_receipts,
    words,
)

from topo.inference import predict
from topo.io import read_proteins
from topo.io.fasta import write_fasta
from topo.io.files import sha256
from topo.io.summary import sequence_md5
from topo.shards.folder import ShardFolder
from topo.shards.manifest import read_manifest

parquet = pytest.importorskip("pyarrow.parquet")


def options(model: Path, *more: object) -> list[object]:
    return ["--model", model, "--shard-residues", 4000, *more]


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory) -> Path:
    """Shards of the example set, completed and merged by one process."""
    folder = tmp_path_factory.mktemp("whole") / "shards"
    assert command("predict", EXAMPLE, "--shards", folder, *options(model)) == 0
    assert command("shards", "merge", folder) == 0
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_one_row_per_protein_in_the_order_of_the_input(whole: Path, model: Path) -> None:
    rows = parquet.read_table(whole / "predictions.parquet").to_pylist()
    proteins = list(read_proteins(EXAMPLE))
    assert [row["id"] for row in rows] == [protein.id for protein in proteins]
    for row, answer in zip(rows, predict(proteins, model), strict=True):
        assert row["md5"] == sequence_md5(answer.sequence)
        assert row["length"] == len(answer)
        assert row["type"] == answer.type
        found = [(s["label"], s["start"] - 1, s["end"]) for s in row["segments"]]
        assert found == [tuple(segment) for segment in answer.segments]
        first = answer.segments[0]
        assert row["cleavage"] == (first.end if first.label == "S" else None)
        assert row["confidence"] == pytest.approx(answer.confidence, abs=1e-3)
        assert sum(row[f"p_{kind}"] for kind in ("TM", "SP+TM", "SP", "GLOB", "BETA")) == (
            pytest.approx(1, abs=1e-5)
        )
    assert "probabilities" not in rows[0]


def test_manifest_counts_what_the_shards_hold(whole: Path) -> None:
    tree = manifest(whole)
    proteins = list(read_proteins(EXAMPLE))
    assert tree["records"] == len(proteins) == sum(s["records"] for s in tree["shards"])
    assert tree["residues"] == sum(map(len, proteins))
    assert all(shard["residues"] >= 4000 for shard in tree["shards"][:-1])
    ids = [
        p.id
        for i in range(len(tree["shards"]))
        for p in read_proteins(ShardFolder.open(whole).input(i))
    ]
    assert ids == [protein.id for protein in proteins]


@pytest.mark.parametrize("pack", ["gzip", "bgzf", "files", "folder"])
def test_the_packing_of_the_input_does_not_change_the_shards(
    pack: str, whole: Path, model: Path, tmp_path: Path
) -> None:
    text = EXAMPLE.read_bytes()
    if pack == "gzip":
        (tmp_path / "all.fasta.gz").write_bytes(gzip.compress(text))
        inputs = [tmp_path / "all.fasta.gz"]
    elif pack == "bgzf":
        from Bio import bgzf

        with bgzf.open(str(tmp_path / "all.fasta.bgz"), "wb") as file:
            file.write(text)
        inputs = [tmp_path / "all.fasta.bgz"]
    else:
        proteins = list(read_proteins(EXAMPLE))
        (tmp_path / "in").mkdir()
        inputs = [tmp_path / "in" / "a.fasta", tmp_path / "in" / "b.fasta"]
        write_fasta(proteins[:20], inputs[0])
        write_fasta(proteins[20:], inputs[1])
        inputs = inputs if pack == "files" else [tmp_path / "in"]
    folder = tmp_path / "shards"
    assert command("predict", *inputs, "--shards", folder, *options(model), "--plan-only") == 0
    assert manifest(folder)["shards"] == manifest(whole)["shards"]
    assert receipts(folder) == 0


def test_any_order_of_shards_makes_the_same_bytes(whole: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    count = len(manifest(whole)["shards"])
    assert command("predict", EXAMPLE, "--shards", folder, *options(model), "--plan-only") == 0
    for index in reversed(range(count)):
        words = ["predict", "--shards", folder, "--model", model, "--shard-index", index]
        assert command(*words) == 0
        assert receipts(folder) == count - index
    assert merged(folder) == (whole / "predictions.parquet").read_bytes()


def test_complete_shards_are_skipped(copy: Path, model: Path, capsys) -> None:
    before = {path: path.stat().st_mtime_ns for path in (copy / "shards").iterdir()}
    (copy / "shards" / "000002.json").unlink()
    assert command("predict", EXAMPLE, "--shards", copy, *options(model)) == 0
    assert capsys.readouterr().err.count("topo: shard") == 1
    changed = {p.name for p, time in before.items() if p.stat().st_mtime_ns != time}
    assert changed == {"000002.json", "000002.parquet"}


@pytest.mark.slow
def test_two_processes_share_a_folder_and_one_is_killed(model: Path, tmp_path: Path) -> None:
    source, folder = tmp_path / "many.fasta", tmp_path / "shards"
    write_fasta(many_proteins(300), source)
    more = options(model, "--batch-residues", 2000)
    other = start(words(source, folder, *more))
    try:
        wait_for_receipts(folder, 1, other)
        killer = threading.Timer(0.3, kill, [other])
        killer.start()
        assert command("predict", source, "--shards", folder, *more) == 0
        killer.join()
    finally:
        other.kill()
    rows = parquet.read_table(_merged_path(folder))["id"].to_pylist()
    assert rows == [protein.id for protein in read_proteins(source)]
    assert not [*(folder / "claims").glob("0*")]
    assert not [path for path in (folder / "shards").iterdir() if path.name.startswith(".")]
    alone = tmp_path / "alone"
    assert command("predict", source, "--shards", alone, *more) == 0
    assert merged(alone) == merged(folder)


def _merged_path(folder: Path) -> Path:
    merged(folder)
    return folder / "predictions.parquet"


@pytest.fixture(scope="module")
def alone(model: Path, tmp_path_factory) -> tuple[Path, bytes]:
    return by_one_process(tmp_path_factory.mktemp("alone"), model)


@pytest.mark.endurance
@pytest.mark.parametrize("seed", range(10))
def test_two_processes_and_kills_at_random_moments(
    seed: int, alone: tuple[Path, bytes], model: Path, tmp_path: Path
) -> None:
    """20,000 proteins; one of two processes is killed three times, and another one started."""
    (source, expected), folder = alone, tmp_path / "shards"
    line = words(source, folder, "--model", model, "--shard-residues", 200_000)
    chance = random.Random(seed)
    pair = [start(line) for _ in range(2)]
    for _ in range(3):
        wait_for_receipts(folder, receipts(folder) + chance.randint(0, 14), pair[0])
        time.sleep(2 * chance.random())
        victim = pair.pop(chance.randrange(2))
        assert victim.poll() is None, "the process ended before it was killed"
        kill(victim)
        before = completed(folder)
        pair.append(start(line))
    assert [process.wait() for process in pair] == [0, 0]
    assert before.items() <= completed(folder).items(), "no complete shard is predicted again"
    check_union(folder, source, expected)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (["--decoder", "viterbi"], "decoder posterior, this one viterbi"),
        (["--format", "tsv"], "format parquet, this one tsv"),
        (["--probabilities", "parquet"], "probabilities False, this one True"),
        (["--batch-residues", "100"], "batch_residues 8192, this one 100"),
        (["--shard-residues", "5000"], "shard_residues 4000, this one 5000"),
        (["--mask-stops"], "mask_stops False, this one True"),
        (["--model", "topo-base"], "model "),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_another_option_is_refused(
    change: list[str], found: str, copy: Path, model: Path, capsys
) -> None:
    code = command("predict", EXAMPLE, "--shards", copy, *options(model), *change)
    error = capsys.readouterr().err
    assert code == 2
    assert found in error
    assert error.count("\n") == 1


def test_another_input_is_refused(copy: Path, model: Path, tmp_path: Path, capsys) -> None:
    other = tmp_path / "other.fasta"
    other.write_bytes(EXAMPLE.read_bytes().replace(b"M", b"A", 1))
    assert command("predict", other, "--shards", copy, *options(model)) == 2
    assert "other.fasta: is not the file" in capsys.readouterr().err
    assert command("predict", other, other, "--shards", copy, *options(model)) == 2
    assert "has 1 input files, this run 2" in capsys.readouterr().err
    same = tmp_path / "same.fasta"
    shutil.copy(EXAMPLE, same)  # another time, the same content
    assert command("predict", same, "--shards", copy, *options(model)) == 0


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--fix", "1-2:inside"], "--fix does not apply to --shards"),
        (["--resume"], "--resume does not apply to --shards"),
        (["--format", "gff3"], "found format 'gff3' of shards, expected parquet or tsv"),
        (["--format", "tsv", "--probabilities", "parquet"], "format tsv has no probabilities"),
        (["--probabilities", "csv"], "expected parquet"),
        (["--threads", "2"], "expected --workers"),
        (["--engine", "dask"], "expected one of processes, ray"),
        (["--address", "auto"], "--address needs --engine ray"),
        (["--shard-index", "99"], "found shard 99, expected a number from 0 to "),
    ],
)
def test_options_that_do_not_apply_are_refused(
    words: list[str], found: str, model: Path, tmp_path: Path, capsys
) -> None:
    folder = tmp_path / "shards"
    assert command("predict", EXAMPLE, "--shards", folder, "--model", model, *words) == 2
    assert found in capsys.readouterr().err
    assert receipts(folder) == 0


def test_inputs_without_shards_and_shards_without_inputs(tmp_path: Path, model, capsys) -> None:
    assert command("predict", EXAMPLE, EXAMPLE, "-o", tmp_path / "out") == 2
    assert "found 2 inputs, expected one" in capsys.readouterr().err
    assert command("predict", "-o", tmp_path / "out") == 2
    assert "found no proteins" in capsys.readouterr().err
    assert command("predict", EXAMPLE, "-o", tmp_path / "out", "--shard-index", 1) == 2
    assert "--shard-index needs --shards" in capsys.readouterr().err
    assert command("predict", "--shards", tmp_path / "new", "--model", model) == 2
    assert "holds no manifest.json to continue with" in capsys.readouterr().err
    structure = tmp_path / "a.pdb"
    structure.write_text("HEADER    MEMBRANE PROTEIN\n")
    assert command("predict", structure, "--shards", tmp_path / "new", "--model", model) == 2
    assert "found a structure, expected sequences" in capsys.readouterr().err


def test_faulty_records_end_planning_or_are_listed(tmp_path: Path, model: Path, capsys) -> None:
    source, folder = tmp_path / "in.fasta", tmp_path / "shards"
    source.write_text(">a\nMKTLLV\n>b\nMK-LV\n>c\nMKVV\n")
    assert command("predict", source, "--shards", folder, "--model", model) == 2
    assert f"{source}:4: found '-'" in capsys.readouterr().err
    assert not (folder / "manifest.json").exists()
    assert command("predict", source, "--shards", folder, "--model", model, "--skip-invalid") == 0
    assert (folder / "invalid.tsv").read_text().splitlines()[1].startswith("b\t4\t")
    assert manifest(folder)["records"] == 2


def test_table_is_the_summary_and_the_hash(model: Path, tmp_path: Path, capsys) -> None:
    folder, plain = tmp_path / "shards", tmp_path / "plain"
    assert command("predict", EXAMPLE, "--shards", folder, *options(model), "--format", "tsv") == 0
    assert command("shards", "merge", folder, "-o", tmp_path / "all.tsv.gz") == 0
    text = gzip.decompress((tmp_path / "all.tsv.gz").read_bytes()).decode()
    command("predict", EXAMPLE, "-o", plain, "--model", model, "--format", "summary")
    rows = [line.split("\t") for line in text.splitlines()]
    expected = [line.split("\t") for line in (plain / "summary.tsv").read_text().splitlines()]
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    assert rows[0] == [*expected[0], "md5"]
    sequences = [protein.sequence for protein in read_proteins(EXAMPLE)]
    assert [row[-1] for row in rows[1:]] == [sequence_md5(sequence) for sequence in sequences]


def test_probabilities_per_residue_only_when_asked(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    more = options(model, "--probabilities", "parquet")
    assert command("predict", EXAMPLE, "--shards", folder, *more) == 0
    merged(folder)
    rows = parquet.read_table(folder / "predictions.parquet").to_pylist()
    for row in rows:
        assert len(row["probabilities"]) == row["length"]
        assert sum(row["probabilities"][0]) == pytest.approx(1, abs=1e-4)


def test_verify_finds_every_fault_and_the_next_run_mends_it(
    copy: Path, whole: Path, model: Path, capsys
) -> None:
    assert command("shards", "verify", copy) == 0
    shards = ShardFolder.open(copy)
    shards.output(0).write_bytes(shards.output(0).read_bytes()[:-1] + b"x")
    shards.output(1).unlink()
    shards.receipt_path(2).write_text("{}")
    shutil.copy(shards.output(4), shards.output(3))
    shutil.copy(shards.receipt_path(4), shards.receipt_path(3))
    assert command("shards", "verify", copy) == 2
    out, error = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines() if ":" in line] == [
        f"shard {index}" for index in range(4)
    ]
    assert "4 faulty shards" in error
    assert command("shards", "merge", copy) == 2
    assert "other content" in capsys.readouterr().err
    assert command("shards", "verify", copy, "--discard") == 0
    assert command("shards", "merge", copy) == 2
    assert "4 of" in capsys.readouterr().err
    assert command("shards", "status", copy, "--missing") == 0
    assert capsys.readouterr().out == "0-3\n"
    assert command("predict", "--shards", copy, "--model", model) == 0
    assert merged(copy) == (whole / "predictions.parquet").read_bytes()


def test_other_files_with_fitting_checksums_are_one_line(copy: Path, capsys) -> None:
    import pyarrow

    shards = ShardFolder.open(copy)
    rows = shards.manifest.shards[1].records
    parquet.write_table(pyarrow.table({"id": ["a"] * rows}), shards.output(1))
    for number, found in ((1, "found other columns than"), (0, "found no Parquet file that can")):
        if number == 0:
            shards.output(0).write_bytes(b"PAR1" * 9)
        fitting = replace(shards.receipt(number), sha256=sha256(shards.output(number)))
        shards.write_receipt(number, fitting)
        capsys.readouterr()
        assert command("shards", "merge", copy, "-o", copy / "all.parquet") == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert str(shards.output(number)) in last
        assert found in last
        assert not (copy / "all.parquet").exists()


def test_a_receipt_of_other_numbers_is_a_fault(copy: Path, capsys) -> None:
    shards = ShardFolder.open(copy)
    shards.write_receipt(0, replace(shards.receipt(0), records=0))
    assert command("shards", "verify", copy) == 2
    assert "shard 0: its receipt has other numbers" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["manifest.json", "shards/000000.parquet", "inputs/x", "claims/x"])
def test_merge_does_not_overwrite_the_files_of_the_folder(name: str, copy: Path, capsys) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert command("shards", "merge", copy, "-o", copy / name) == 2
    error = capsys.readouterr().err
    assert f"{copy / name}: belongs to the shards in {copy}" in error
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_changed_sequences_of_a_shard_are_refused(copy: Path, model: Path, capsys) -> None:
    shards = ShardFolder.open(copy)
    shards.discard(1)
    shutil.copy(shards.input(0), shards.input(1))
    assert command("predict", "--shards", copy, "--model", model) == 2
    assert "000001.fasta.gz: other content than in the manifest" in capsys.readouterr().err


def test_status_counts(copy: Path, capsys) -> None:
    ShardFolder.open(copy).discard(0)
    assert command("shards", "status", copy) == 0
    out = capsys.readouterr().out
    count = len(manifest(copy)["shards"])
    assert out.startswith(f"shards    {count - 1} of {count} complete, 0 at work\n")
    assert "of 63\n" in out


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"layout": 2}', '{"layout": 1, "options": {}, "inputs": [], "shards": []}'],
)
def test_a_damaged_manifest_is_one_line(text: str, copy: Path, model: Path, capsys) -> None:
    (copy / "manifest.json").write_text(text)
    assert command("predict", "--shards", copy, "--model", model) == 2
    error = capsys.readouterr().err
    assert "manifest.json" in error
    assert error.count("\n") == 1
    for verb in ("status", "merge", "verify"):
        assert command("shards", verb, copy) == 2


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("format", "csv", "options.format: found 'csv', expected parquet or tsv"),
        ("probabilities", None, "options.probabilities: found None, expected true or false"),
    ],
)
def test_an_option_of_another_value_in_the_manifest_is_named(
    key: str, value: object, found: str, copy: Path, capsys
) -> None:
    tree = manifest(copy)
    tree["options"][key] = value
    (copy / "manifest.json").write_text(json.dumps(tree))
    assert command("shards", "status", copy) == 2
    error = capsys.readouterr().err
    assert f"manifest.json: {found}" in error
    assert error.count("\n") == 1


def test_shards_without_manifest_are_not_overwritten(copy: Path, model: Path, capsys) -> None:
    (copy / "manifest.json").unlink()
    assert command("predict", EXAMPLE, "--shards", copy, *options(model)) == 2
    assert "holds shards without a manifest.json" in capsys.readouterr().err


def test_manifest_is_read_as_it_was_written(whole: Path, tmp_path: Path) -> None:
    found = read_manifest(whole / "manifest.json")
    assert found is not None
    found.write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_ids_are_not_kept_in_memory_while_planning(tmp_path: Path, model: Path, capsys) -> None:
    source = tmp_path / "twice.fasta"
    source.write_text(">a\nMKTLLV\n>a\nMKVV\n")
    folder = tmp_path / "shards"
    assert command("predict", source, "--shards", folder, "--model", model) == 0
    assert "repeat" not in capsys.readouterr().err
    assert manifest(folder)["records"] == 2


def test_core_imports_no_optional_package() -> None:
    code = (
        "import sys, topo, topo.cli.main, topo.inference, topo.shards.planning, "
        "topo.shards.prediction, topo.shards.checks, topo.shards.ray_engine; "
        "print([m for m in ('ray', 'psycopg', 'pyarrow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize(("package", "words"), [("ray", ["--engine", "ray"]), ("pyarrow", [])])
def test_a_missing_package_is_named(
    package: str, words: list[str], model: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.data", None)
    folder = tmp_path / "shards"
    assert command("predict", EXAMPLE, "--shards", folder, "--model", model, *words) == 2
    error = capsys.readouterr().err
    extra = {"ray": "ray", "pyarrow": "parquet"}[package]
    assert f"pip install 'topo-membrane[{extra}]'" in error
    assert error.count("\n") == 1
