"""Recipes for schedulers: run where the scheduler is installed, otherwise checked as text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, command
from shard_files import EXAMPLE, receipts

from topo import __version__

RECIPES = ROOT / "docs" / "clusters"
RESIDUES = 12_000


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables with which ``topo`` is the one under test."""
    script = tmp_path / "bin" / "topo"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m topo "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
    return {**os.environ, "PATH": path + os.environ["PATH"], "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("alone") / "shards"
    assert command("predict", EXAMPLE, "--shards", folder, "--shard-residues", RESIDUES) == 0
    assert command("shards", "merge", folder) == 0
    return (folder / "predictions.parquet").read_bytes()


def run(environment: dict[str, str], folder: Path, *words: object) -> None:
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["shards.sbatch", "workers.sbatch", "train.sbatch"])
def test_job_scripts_are_valid_for_bash(name: str) -> None:
    assert subprocess.run(["bash", "-n", RECIPES / name], check=False).returncode == 0
    lines = (RECIPES / name).read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    options = [line for line in lines if line.startswith("#SBATCH")]
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", line) for line in options)
    assert all(lines.index(line) < first for line in options), "Slurm reads no later options"


@pytest.mark.slow
def test_a_task_of_the_job_array_completes_its_shard(
    environment: dict[str, str], model: Path, tmp_path: Path, capsys
) -> None:
    folder = tmp_path / "shards"
    more = ["--model", model, "--shard-residues", RESIDUES]
    assert command("predict", EXAMPLE, "--shards", folder, *more, "--plan-only") == 0
    capsys.readouterr()
    assert command("shards", "status", folder, "--missing") == 0
    assert capsys.readouterr().out == "0-2\n"
    task = {**environment, "SLURM_ARRAY_TASK_ID": "1"}
    run(task, tmp_path, "bash", RECIPES / "shards.sbatch", folder, "--model", model)
    assert [path.name for path in (folder / "shards").glob("*.json")] == ["000001.json"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("snakemake", path=str(Path(sys.executable).parent)) is None,
    reason="Snakemake is not installed",
)
def test_snakemake_plans_predicts_and_merges(
    environment: dict[str, str], expected: bytes, tmp_path: Path
) -> None:
    run(
        *(environment, tmp_path, "snakemake", "-s", RECIPES / "Snakefile", "--cores", 2),
        *("--config", f"proteins={EXAMPLE}", "folder=OUT", "result=all.parquet"),
        f"options=--shard-residues {RESIDUES}",
    )
    assert (tmp_path / "all.parquet").read_bytes() == expected
    assert receipts(tmp_path / "OUT") == 3


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("cwltool", path=str(Path(sys.executable).parent)) is None,
    reason="cwltool is not installed",
)
def test_cwltool_predicts_and_merges(
    environment: dict[str, str], expected: bytes, tmp_path: Path
) -> None:
    for name in ("predict.cwl", "merge.cwl", "workflow.cwl"):
        run(environment, tmp_path, "cwltool", "--validate", RECIPES / name)
    run(
        *(environment, tmp_path, "cwltool", "--no-container", "--preserve-entire-environment"),
        *(RECIPES / "workflow.cwl", "--proteins", EXAMPLE, "--shard_residues", RESIDUES),
        *("--name", "all.parquet"),
    )
    assert (tmp_path / "all.parquet").read_bytes() == expected


@pytest.mark.slow
def test_nextflow_module_is_valid_groovy() -> None:
    parser = pytest.importorskip("groovy_parser.parser", reason="groovy-parser is not installed")
    text = (RECIPES / "main.nf").read_text()
    assert parser.parse_groovy_content(text) is not None


def nextflow_processes() -> dict[str, str]:
    """Return the body of each process of the Nextflow module."""
    text = (RECIPES / "main.nf").read_text()
    return dict(re.findall(r"^process (\w+) \{\n(.*?)^\}\n", text, re.MULTILINE | re.DOTALL))


def nextflow_script(name: str, values: dict[str, object]) -> str:
    """Return the script that Nextflow passes to bash, with values filled in."""
    script = nextflow_processes()[name].split('"""')[1]
    filled = re.sub(r"(?<!\\)\$\{([\w.]+)\}", lambda found: str(values[found[1]]), script)
    return filled.replace("\\$", "$")


@pytest.mark.slow
def test_scripts_of_the_nextflow_module_predict_and_merge(
    environment: dict[str, str], model: Path, tmp_path: Path
) -> None:
    """Each script by bash in a folder of its own, as without Nextflow itself."""
    (tmp_path / "PLAN").mkdir()
    (tmp_path / "PLAN" / "in.fasta").symlink_to(EXAMPLE)
    folder, alone = tmp_path / "OUT", tmp_path / "alone"
    values = {"proteins": "in.fasta", "folder": folder, "params.options": f"--model {model}"}

    def task(name: str, **more: object) -> None:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        script = nextflow_script(f"TOPO_{name}", {**values, **more})
        run(environment, place, "bash", "-ueo", "pipefail", "-c", script)

    task("PLAN")
    assert (tmp_path / "PLAN" / "shards.txt").read_text() == "0\n"
    task("SHARD", number=0)
    task("MERGE")
    assert command("predict", EXAMPLE, "--shards", alone, "--model", model) == 0
    assert command("shards", "merge", alone) == 0
    found = (tmp_path / "MERGE" / "predictions.parquet").read_bytes()
    assert found == (alone / "predictions.parquet").read_bytes()


def test_nextflow_module_has_processes_with_a_container() -> None:
    text = (RECIPES / "main.nf").read_text()
    processes = nextflow_processes()
    assert list(processes) == ["TOPO_PLAN", "TOPO_SHARD", "TOPO_MERGE"]
    for name, body in processes.items():
        assert "    container params.container\n" in body, name
        assert re.findall(r"^    (\w+):$", body, re.MULTILINE) == ["input", "output", "script"]
        assert body.count('"""') == 2
    assert text.count("{") == text.count("}")


def test_recipes_name_this_version() -> None:
    for name in ("main.nf", "predict.cwl", "merge.cwl", "Dockerfile"):
        assert f":{__version__}" in (RECIPES / name).read_text()


def test_options_of_the_recipes_exist() -> None:
    known = "".join(
        (ROOT / "topo" / "cli" / name).read_text() for name in ("shard_options.py", "shards.py")
    )
    for recipe in RECIPES.iterdir():
        for option in re.findall(r"--(shards|shard-index|plan-only|missing)\b", recipe.read_text()):
            assert f"--{option}" in known or option.replace("-", "_") in known
