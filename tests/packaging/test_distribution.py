"""The wheel and the source distribution: contents, equal bytes, types, and the recipes' linters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

RECIPES = ROOT / "docs" / "packaging"
CONSUMER = """
from __future__ import annotations

from topo import load_model, predict

for prediction in predict("proteins.fasta", load_model()):
    name: str = prediction.id
    confidence: float | None = prediction.confidence
    reveal_type(prediction.labels)
    print(name, confidence)
"""
WRONG = CONSUMER.replace("name: str = prediction.id", "name: int = prediction.id")


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, words)],
        capture_output=True,
        text=True,
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("pyright") is None, reason="pyright is not installed")
def test_the_installed_package_has_types(site: Path, tmp_path: Path) -> None:
    assert (site / "topo" / "py.typed").is_file()
    assert (site / "topo" / "bundled" / "requirements-predict.txt").is_file()
    (tmp_path / "right.py").write_text(CONSUMER)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "pyrightconfig.json").write_text(f'{{"extraPaths": ["{site.as_posix()}"]}}')
    words = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable)
    done = run(*words, "right.py", "wrong.py", cwd=tmp_path)
    assert 'Type of "prediction.labels" is "str"' in done.stdout, done.stdout
    errors = re.findall(r"(\w+)\.py:\d+:\d+ - error", done.stdout)
    assert errors == ["wrong"], done.stdout


@pytest.mark.endurance
@pytest.mark.skipif(find_spec("build") is None, reason="build is not installed")
def test_two_builds_are_equal(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        done = run(sys.executable, "-m", "build", "-o", tmp_path / name, ROOT)
        assert done.returncode == 0, done.stderr
        contents.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]
    if find_spec("twine") is not None:
        files = (tmp_path / "one").iterdir()
        done = run(sys.executable, "-m", "twine", "check", "--strict", *files)
        assert done.returncode == 0, done.stdout


@pytest.mark.endurance
@pytest.mark.parametrize(
    "line",
    [
        "planemo lint {recipes}/galaxy/topo_predict.xml",
        "hadolint {recipes}/docker/Dockerfile",
        "snakefmt --check {recipes}/snakemake/test/Snakefile {recipes}/snakemake/wrapper.py",
        "cwltool --validate {recipes}/cwl/topo-predict.cwl",
        "check-jsonschema --builtin-schema vendor.github-workflows "
        "{root}/.github/workflows/tests.yml {root}/.github/workflows/release.yml",
        "zizmor --offline --min-severity medium {root}/.github/workflows",
        "cffconvert --validate -i {root}/CITATION.cff",
        "validate-pyproject {root}/pyproject.toml",
    ],
)
def test_the_linter_of_a_recipe_passes(line: str) -> None:
    words = line.format(recipes=RECIPES, root=ROOT).split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    done = run(*words, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("topo pre", "predict"),
        ("topo models g", "get"),
        ("topo models get topo-e", "topo-ensemble"),
        ("topo predict --model topo-b", "topo-base"),
    ],
)
def test_bash_completes_commands_and_models(words: str, found: str) -> None:
    """The script that --show-completion prints asks topo itself, with these variables."""
    environment = {
        **os.environ,
        "_TOPO_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "PYTHONPATH": str(ROOT),
    }
    code = "import sys; sys.argv[0] = 'topo'; from topo.cli.main import main; main()"
    done = run(sys.executable, "-c", code, env=environment)
    assert found in done.stdout.split(), done.stderr
