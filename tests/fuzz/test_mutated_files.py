"""Mutated run folders and tables: each command ends with a result or with one line.

The sample runs with every test run; the thousand is ``pytest -m endurance``.
"""

from __future__ import annotations

import json
import random
import shutil
import string
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import ROOT, command

from topo.grammar.table import default_grammar
from topo.inference.resume import FILE
from topo.io.grammar import grammar_tree

ODD: list[Any] = [
    None, True, -1, 0, 2**70, 1e300, float("nan"), float("inf"), "", "x", "é\n", "[/x]", "$\\frac$",
    "../../x", "x" * 400, [], [[]], {}, {"a": {}}, ["y", 1],
]  # fmt: skip
CELLS = ["", "nan", "inf", "-1", "1e999", "1e15", "x", '"', "[/b]", "\t", "é", "0.5", "1" * 5000]


class Case(NamedTuple):
    """A file to mutate, and the command that reads it; ``%s`` is the working folder."""

    file: str
    words: str


CASES = [
    Case("runs/a/run.json", "runs -f %s/runs"),
    Case("runs/a/history.csv", "runs -f %s/runs"),
    Case("runs/a/evaluation/test/metrics.json", "runs -f %s/runs"),
    Case("runs/a/run.json", "runs compare %s/runs/a %s/runs/b -o %s/out"),
    Case("runs/a/history.csv", "runs compare %s/runs/a %s/runs/b -o %s/out"),
    Case("runs/a/config.yaml", "runs compare %s/runs/a %s/runs/b -o %s/out"),
    Case("runs/a/config.yaml", "train --resume %s/runs/a"),
    Case("runs/a/checkpoints/last.ckpt", "train --resume %s/runs/a"),
    Case("runs/a/model/config.yaml", "predict %s/a.fasta --model %s/runs/a -o %s/out --plots none"),
    Case("runs/a/model/metrics.json", "predict %s/a.fasta --model %s/runs/a -o %s/out"),
    Case("similar_folds.tsv", "data sample %s/set.3line -o %s/o.3line "
         "--similar-to %s/similar_folds.tsv --apart cv0"),
    Case("sweep.yaml", "sweep %s/sweep.yaml -o %s/sw"),
    Case("set.json", "data stats %s/set.json"),
    Case("set.json", "train --data %s/set.json -o %s/new"),
    Case("grammar.yaml", "grammar --file %s/grammar.yaml"),
    Case(f"done/{FILE}", "predict %s/a.fasta --model %s/model -o %s/done --plots none --resume"),
    Case("structures/index.tsv", "train --data %s/set.json --structures %s/structures -o %s/new"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A folder with every file of :data:`CASES`, none of them damaged."""
    import torch

    from topo.config import dump_config, load_config
    from topo.runs import Run

    top = tmp_path_factory.mktemp("whole")
    small = {"model.encoder.gcs": 8, "model.recurrent.size": 8, "model.recurrent.layers": 1}
    config = load_config(None, fields={**small, "training.epochs": 2})
    shutil.copytree(model, top / "model")
    for name in ("a", "b"):
        run = Run(top / "runs" / name)
        shutil.copytree(model, run.model)
        (run.path / "config.yaml").write_text(dump_config(config))
        run.update_info(name="bilstm", seed=0, parameters=99, seconds=3.5, best_epoch=1,
                        proteins={"train": 3}, data_sha256={"x": "y"})  # fmt: skip
        row = {"learning_rate": 1e-3, "train_loss": 2.0, "val_loss": 1.5, "gradient_norm": 1.0}
        run.write_history([{"epoch": i, **row} for i in range(3)])
        metrics = run.path / "evaluation" / "test" / "metrics.json"
        metrics.parent.mkdir(parents=True)
        metrics.write_text(json.dumps({"residue": {"accuracy": {"value": 0.5}}, "x": [1]}))
        run.resume_file.parent.mkdir()
        torch.save({"state_dict": {"a": torch.zeros(3)}, "epoch": 1}, run.resume_file)
    (top / "a.fasta").write_text(">a\nMKTLLLTLVVVTIVCLDLGYTEEQ\n>b\nMKTAYIAKQRQISFVK\n")
    proteins = [("p1", "MKTAYIAK", "IIIIIIII"), ("p2", "MKSLLAVA", "SSSSOOOO")]
    (top / "set.3line").write_text("".join(f">{i}\n{s}\n{y}\n" for i, s, y in proteins))
    (top / "similar_folds.tsv").write_text("id\tsimilar_folds\np1\tcv0\np2\tcv1,cv2\n")
    folds = {f"cv{i}": [{"id": f"{p}{i}", "sequence": s, "labels": y} for p, s, y in proteins]
             for i in range(3)}  # fmt: skip
    (top / "set.json").write_text(json.dumps(folds))
    shutil.copyfile(ROOT / "configs" / "sweeps" / "bayes.yaml", top / "sweep.yaml")
    (top / "grammar.yaml").write_text(yaml.safe_dump(grammar_tree(default_grammar())))
    (top / "structures").mkdir()
    (top / "structures" / "x.pdb").write_text("")
    (top / "structures" / "index.tsv").write_text("id\tfile\tchain\np1\tx.pdb\tA\n")
    _interrupted_prediction(top)
    return top


def _interrupted_prediction(top: Path) -> None:
    """Predict, and keep the store as if the run had been killed at its end."""
    from topo.inference.store import PredictionStore

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PredictionStore, "remove", PredictionStore.close)
        words = "predict {0}/a.fasta --model {0}/model -o {0}/done --plots none"
        assert command(*words.format(top).split()) == 0
    assert (top / "done" / FILE).is_file()


def mutate(content: bytes, name: str, rng: random.Random) -> bytes:
    """Damage a file in one of several ways; tables and JSON also by their values."""
    ways: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _drop, _repeat, _insert]
    if name.endswith(".json"):
        ways += [_json] * 6
    elif name.endswith((".csv", ".tsv")):
        ways += [_cell] * 6
    elif name.endswith(".yaml"):
        ways += [_yaml] * 6
    elif name.endswith(FILE):
        ways += [_block] * 6
    return rng.choice(ways)(content, rng)


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 5))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _drop(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def _repeat(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def _insert(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    what = rng.choice((b"\0", b"\xff\xfe", b"[" * 3000, b"{", b'"', b"9" * 5000, b"&a *a", b"\n\n"))
    return content[:place] + what + content[place:]


def _cell(content: bytes, rng: random.Random) -> bytes:
    text = content.decode()
    separator = "\t" if "\t" in text else ","
    rows = [line.split(separator) for line in text.splitlines()]
    row = rng.choice(rows)
    row[rng.randrange(len(row))] = rng.choice(CELLS)
    return "\n".join(separator.join(row) for row in rows).encode()


def _block(content: bytes, rng: random.Random) -> bytes:
    """Change the content of a block of a store, and its checksum with it."""
    start = content.index(b"\n") + 1
    blocks, head = [], content[:start]
    while start < len(content):
        size, _ = struct.unpack_from("<QI", content, start)
        blocks.append(content[start + 12 : start + 12 + size])
        start += 12 + size
    place = rng.choice((0, rng.randrange(len(blocks))))
    change = rng.choice((_flip, _cut, _json if place == 0 else _insert))
    blocks[place] = change(blocks[place], rng)
    return head + b"".join(struct.pack("<QI", len(b), zlib.crc32(b)) + b for b in blocks)


def _json(content: bytes, rng: random.Random) -> bytes:
    return json.dumps(_changed(json.loads(content), rng)).encode("utf-8", "surrogatepass")


def _yaml(content: bytes, rng: random.Random) -> bytes:
    return yaml.safe_dump(_changed(yaml.safe_load(content), rng)).encode("utf-8")


def _changed(tree: Any, rng: random.Random) -> Any:
    """Replace, remove or rename one entry at a random depth."""
    if not isinstance(tree, (dict, list)) or not tree or rng.random() < 0.1:
        return rng.choice(ODD)
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = rng.choice(keys)
    if rng.random() < 0.1:
        tree.pop(key)
    elif isinstance(tree, dict) and rng.random() < 0.1:
        tree["".join(rng.choices(string.printable, k=4))] = tree.pop(key)
    else:
        tree[key] = _changed(tree[key], rng)
    return tree


def _no_training(*_: object, **__: object) -> None:
    from topo.errors import TopoError

    raise TopoError("the files were read; this test does not train")


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the training itself, which a mutation may leave possible."""
    monkeypatch.setattr("topo.training.loop.fit", _no_training)
    monkeypatch.setattr("topo.sweep.trials.fit", _no_training)


def _check(seed: int, whole: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(seed)
    case = CASES[seed % len(CASES)]
    copy = shutil.copytree(whole, folder / str(seed))
    file = copy / case.file
    file.write_bytes(mutate(file.read_bytes(), case.file, rng))
    code = command(*(word.replace("%s", str(copy)) for word in case.words.split()))
    errors = capsys.readouterr().err
    what = f"seed {seed}, {case}: {errors[-2000:]}"
    assert code in (0, 2), what
    assert "Traceback" not in errors, what
    assert "--debug" not in errors, what  # the reader itself names the fault
    lines = [line for line in errors.splitlines() if line.startswith("topo: ")]
    lines = [line for line in lines if not line.startswith("topo: warning: ")]
    lines = [line for line in lines if not line.endswith("answers were there from before")]
    assert len(lines) == (code == 2) or "Usage:" in errors, what
    shutil.rmtree(copy)


@pytest.mark.usefixtures("untrained")
def test_a_sample_of_mutated_files(folder: Path, tmp_path: Path, capsys) -> None:
    for seed in range(3 * len(CASES)):
        _check(seed, folder, tmp_path, capsys)


@pytest.mark.endurance
@pytest.mark.parametrize("hundred", range(10))
@pytest.mark.usefixtures("untrained")
def test_a_thousand_mutated_files(hundred: int, folder: Path, tmp_path: Path, capsys) -> None:
    faults = []
    for seed in range(10_000 + 100 * hundred, 10_100 + 100 * hundred):
        try:
            _check(seed, folder, tmp_path, capsys)
        except AssertionError as error:
            faults.append(str(error)[:1000])
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.words.split()[0]}-{case.file}")
@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"[]", b"\xff\xfea\0"], ids=repr)
@pytest.mark.usefixtures("untrained")
def test_files_of_something_else(
    case: Case, content: bytes, folder: Path, tmp_path: Path, capsys
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / case.file).write_bytes(content)
    code = command(*(word.replace("%s", str(copy)) for word in case.words.split()))
    errors = capsys.readouterr().err
    assert code in (0, 2), errors
    assert "Traceback" not in errors
    assert "--debug" not in errors, errors
