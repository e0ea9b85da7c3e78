"""SHA-256 of what `topo` writes, recorded before a change of structure and compared after it.

    python tests/output_hashes.py FILE.json [--data DIR] [--compare]

Hashes depend on the processor and on the versions of torch and numpy, so the recorded file is only
comparable on the machine that made it: record on the old commit, compare on the new one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FORMATS = [
    "3line",
    "tmrs",
    "gff3",
    "summary",
    "html",
    "deeptmhmm",
    "tmbed0",
    "tmbed1",
    "tmbed2",
    "tmbed3",
    "tmbed4",
    "tmhmm",
    "phobius",
    "signalp",
    "jsonl",
    "mature",
]
VOLATILE = {"environment", "seconds", "time", "started", "finished", "path", "run", "command"}


def topo(*arguments: str, cwd: Path) -> None:
    """Run the command of this checkout with one torch thread."""
    environment = os.environ | {
        **{"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        "SOURCE_DATE_EPOCH": "0",  # SignalP's table carries the time
    }
    subprocess.run(
        [sys.executable, "-m", "topo", *arguments],
        cwd=cwd,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def sha256(path: Path) -> str:
    """Hash a file; of JSON, only what does not name a time, a path or a version."""
    content = path.read_bytes()
    if path.suffix == ".json":
        content = json.dumps(_stable(json.loads(content)), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def _stable(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _stable(value) for key, value in tree.items() if key not in VOLATILE}
    return [_stable(value) for value in tree] if isinstance(tree, list) else tree


def predictions(folder: Path, proteins: dict[str, str]) -> dict[str, str]:
    """Hash every output file of `topo predict` for two models and two precisions."""
    hashes = {}
    formats = [word for name in FORMATS for word in ("--format", name)]
    for name, source in proteins.items():
        for model in ("topo-base", "topo-ensemble"):
            for precision in ("32", "bf16"):
                out = f"{name}-{model}-{precision}"
                topo(
                    "predict", source, "-o", out, "--model", str(ROOT / "checkpoints" / model),
                    "--precision", precision, "--threads", "1", "--plots", "none",
                    "--probabilities", "csv", *formats, cwd=folder,
                )  # fmt: skip
                for path in sorted((folder / out).rglob("*")):
                    if path.is_file() and not path.name.startswith("."):
                        hashes[str(path.relative_to(folder))] = sha256(path)
    return hashes


def trainings(folder: Path) -> dict[str, str]:
    """Hash history, weights and evaluation of short deterministic trainings."""
    small = ["--gcs", "16", "--lstm", "16", "--layers", "2", "--batch", "8", "--threads", "1"]
    small += ["--set", "sampling.minimum=1"]
    topo(
        "train", "--epochs", "3", "--deterministic", *small, "-o", "runs", "--name", "a",
        "--data", str(ROOT / "data/example/example.partitions.json"),
        "--train", "train", "--val", "validation", "--test", "test", cwd=folder,
    )  # fmt: skip
    topo("evaluate", "--run", "runs/a", "--split", "test", "-o", "evaluation", cwd=folder)
    truth = str(ROOT / "data/example/proteins.3line")
    predicted = "example-topo-base-32/predicted_topologies.3line"
    topo("evaluate", "--truth", truth, "--predictions", predicted, "-o", "files", cwd=folder)
    names = [
        "runs/a/history.csv", "runs/a/model/model.safetensors",
        "evaluation/metrics.json", "evaluation/proteins.tsv",
        "files/metrics.json", "files/proteins.tsv",
    ]  # fmt: skip
    return {name: sha256(folder / name) for name in names}


def record(data: Path | None) -> dict[str, str]:
    """Run everything in a temporary folder."""
    proteins = {"example": str(ROOT / "data/example/proteins.3line")}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if data is not None:
            folds = json.loads((data / "topology/deeptmhmm.partitions.json").read_text())
            (folder / "cv3.json").write_text(json.dumps({"cv3": folds["cv3"][:200]}))
            proteins["cv3"] = "cv3.json"
        return predictions(folder, proteins) | trainings(folder)


def main() -> int:
    """Write the hashes, or list those that differ from a file of earlier ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", type=Path, help="folder that holds topology/")
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    hashes = record(arguments.data)
    if not arguments.compare:
        arguments.file.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")
        return 0
    before = json.loads(arguments.file.read_text())
    changed = sorted(k for k in before | hashes if before.get(k) != hashes.get(k))
    print("\n".join(changed) or f"{len(before)} files: all hashes equal")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
