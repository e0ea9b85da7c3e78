"""The recipes of docs/packaging: their test commands, in a plain virtual environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from conftest import ROOT

from topo import __version__
from topo._version import DISTRIBUTION, REPOSITORY

RECIPES = ROOT / "docs" / "packaging"
ADDRESS = f"https://github.com/{REPOSITORY}"
DATA = RECIPES / "galaxy" / "test-data"
_RENAMED = {"torch": "pytorch", "torch-geometric": "pytorch_geometric",
            "matplotlib": "matplotlib-base"}  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a virtual environment with the wheel; it sees the dependencies of this one."""
    folder = tmp_path_factory.mktemp("plain")
    words = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True)
    if done.returncode:  # without hatchling, in an environment of its own
        words = tuple(word for word in words if word != "--no-build-isolation")
        subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    variables = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", "venv", variables))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    bin_ = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    script = bin_ / "topo"
    python = next(bin_.glob("python*"))
    script.write_text(f"#!{python}\nfrom topo.cli.main import main\nmain()\n")
    script.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def bash(command: str, cwd: Path, environment: dict[str, str]) -> str:
    """Run a command line; return standard output."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=cwd, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


posix = pytest.mark.skipif(os.name != "posix", reason="recipes run in bash")


def bioconda() -> dict[str, Any]:
    """Read meta.yaml with its Jinja expressions replaced."""
    text = (RECIPES / "bioconda" / "meta.yaml").read_text()
    values = dict(re.findall(r'{% set (\w+) = "([^"]*)" %}', text))
    text = re.sub(r"{%.*?%}\n", "", text)
    return yaml.safe_load(re.sub(r"{{ (.*?) }}", lambda m: values.get(m[1], "x"), text))


def project_dependencies() -> dict[str, str]:
    """Return the bounds of the project's dependencies, by name."""
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert listed
    pairs = [re.fullmatch(r"([\w-]+)(.*)", item) for item in re.findall(r'"([^"]+)"', listed[1])]
    return {pair[1]: pair[2] for pair in pairs if pair}


def test_the_conda_recipe_agrees_with_the_project() -> None:
    recipe = bioconda()
    assert recipe["package"] == {"name": DISTRIBUTION, "version": __version__}
    assert recipe["build"]["noarch"] == "python"
    assert (ROOT / recipe["about"]["license_file"]).is_file()
    run = dict(item.split(" ", 1) for item in recipe["requirements"]["run"])
    assert run.pop("python") == ">=3.10,<3.14"
    needed = {_RENAMED.get(k, k): bounds for k, bounds in project_dependencies().items()}
    assert run == needed
    assert recipe["source"]["url"].startswith(ADDRESS)
    assert f"/v{__version__}/" in recipe["source"]["url"]


def test_every_recipe_names_this_version_and_one_address() -> None:
    """Whoever moves the project changes ``REPOSITORY``; then this test names the other files."""
    for file in ("galaxy/topo_predict.xml", "nf-core/topo/predict/main.nf",
                 "nf-core/topo/predict/environment.yml", "snakemake/environment.yaml",
                 "cwl/topo-predict.cwl", "bioconda/meta.yaml"):  # fmt: skip
        assert __version__ in (RECIPES / file).read_text(), file
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    owner, _, name = REPOSITORY.partition("/")
    ours = rf"(?:topo[\w-]*|{re.escape(owner)})"
    hosts = rf"(?:github|githubusercontent)\.com/{ours}/[\w-]+|{ours}\.github\.io/[\w-]+"
    expected = {f"github.com/{REPOSITORY}", f"{owner}.github.io/{name}"}
    files = [ROOT / "pyproject.toml", ROOT / "CITATION.cff", *RECIPES.rglob("*"),
             *(ROOT / "topo").rglob("*.py")]  # fmt: skip
    found = {path.relative_to(ROOT).as_posix(): set(re.findall(hosts, path.read_text()))
             for path in files if path.is_file()}  # fmt: skip
    assert {name: addresses for name, addresses in found.items() if addresses - expected} == {}
    assert found["pyproject.toml"] == expected


@posix
@pytest.mark.slow
def test_the_commands_of_the_conda_recipe_run(environment: dict[str, str], tmp_path: Path) -> None:
    recipe = bioconda()
    imports = "; ".join(f"import {name}" for name in recipe["test"]["imports"])
    commands = [f"python -c '{imports}'", *recipe["test"]["commands"]]
    out = bash("\n".join(commands), tmp_path, environment)
    assert f"topo {__version__} (distribution {DISTRIBUTION})" in out


@posix
@pytest.mark.slow
def test_the_galaxy_test_runs(environment: dict[str, str], tmp_path: Path) -> None:
    tool = ElementTree.parse(RECIPES / "galaxy" / "topo_predict.xml").getroot()
    values = {p.get("name") or str(p.get("argument")).lstrip("-").replace("-", "_"): p
              for p in tool.iterfind("inputs/param")}  # fmt: skip
    (test,) = tool.iterfind("tests/test")
    given = {str(p.get("name")): str(p.get("value")) for p in test.iterfind("param")}
    given["proteins"] = str(DATA / given["proteins"])

    def value(match: re.Match[str]) -> str:
        param = values[match[1]]
        if param.get("type") == "boolean":
            return str(param.get("falsevalue"))
        selected = param.find("option[@selected='true']")
        default = param.get("value") if selected is None else selected.get("value")
        return given.get(match[1], str(default))

    text = (tool.findtext("command") or "").strip().replace("\n", " ")
    bash(re.sub(r"(?<!\\)\$(\w+)", value, text).replace("\\$", "$"), tmp_path, environment)
    paths = {str(d.get("name")): tmp_path / str(d.get("from_work_dir"))
             for d in tool.iterfind("outputs/data")}  # fmt: skip
    assert len(paths) == int(str(test.get("expect_num_outputs")))
    for output in test.iterfind("output"):
        content = paths[str(output.get("name"))].read_text()
        if output.get("file"):
            assert content == (DATA / str(output.get("file"))).read_text()
        for rule in output.iterfind("assert_contents/*"):
            if rule.tag == "has_n_lines":
                assert content.count("\n") == int(str(rule.get("n")))
            elif rule.tag == "has_line":
                assert str(rule.get("line")) in content.splitlines()
            else:
                assert rule.tag == "has_text"
                assert str(rule.get("text")) in content


@posix
@pytest.mark.slow
def test_the_scripts_of_the_nf_core_module_run(environment: dict[str, str], tmp_path: Path) -> None:
    folder = RECIPES / "nf-core" / "topo" / "predict"
    text = (folder / "main.nf").read_text()
    script, stub = re.findall(r'    """\n(.*?)    """', text, re.DOTALL)
    emitted = re.findall(r'path\("\$\{prefix\}/([^"]+)"\)', text)
    assert len(emitted) == 5
    values = {"${fasta}": str(DATA / "proteins.fasta"), "${task.cpus}": "1", "${args}": ""}
    for block, prefix in ((script, "real"), (stub, "stub")):
        for name, value in {**values, "${prefix}": prefix}.items():
            block = block.replace(name, value)
        bash(block.replace("\\\\\n", "\\\n"), tmp_path, environment)
        assert all((tmp_path / prefix / name).is_file() for name in emitted)
    (version,) = re.findall(r'eval\("(.*?)"\)', text)
    assert bash(version.replace("\\\\", "\\"), tmp_path, environment).strip() == __version__
    meta = yaml.safe_load((folder / "meta.yml").read_text())
    names = [key for group in meta["output"].values() for entry in group
             for part in entry for key in part]  # fmt: skip
    assert [f"${{prefix}}/{name}" in names for name in emitted] == [True] * 5
    assert set(meta["output"]) == set(re.findall(r"emit: (\w+)", text))


@posix
@pytest.mark.slow
def test_the_snakemake_wrapper_runs(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for Snakemake's shell; the endurance test uses Snakemake itself."""
    shutil.copy(DATA / "proteins.fasta", tmp_path)
    job = SimpleNamespace(
        input=_Named({"proteins": "proteins.fasta"}), params=_Named({"extra": "--decoder viterbi"}),
        output=["results/TMRs.gff3", "results/summary.tsv"], threads=1,
        log_fmt_shell=lambda **_: "> topo.log 2>&1",
    )  # fmt: skip

    def shell(command: str) -> None:
        frame = sys._getframe(1)
        text = command.replace(":q}", "}").format(**{**frame.f_globals, **frame.f_locals})
        bash(text, tmp_path, environment)

    monkeypatch.setitem(sys.modules, "snakemake", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "snakemake.shell", SimpleNamespace(shell=shell))
    code = (RECIPES / "snakemake" / "wrapper.py").read_text()
    exec(compile(code, "wrapper.py", "exec"), {"snakemake": job, "__name__": "wrapper"})
    assert all((tmp_path / name).stat().st_size for name in job.output)
    job.output = ["results/unknown.txt"]
    with pytest.raises(ValueError, match=r"found output unknown.txt, expected one of"):
        exec(compile(code, "wrapper.py", "exec"), {"snakemake": job, "__name__": "wrapper"})


class _Named(dict[str, str]):
    """Named items that can also be asked for by number, as Snakemake's."""

    def __getitem__(self, key: Any) -> str:
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


@posix
@pytest.mark.slow
def test_the_command_of_the_cwl_tool_runs(environment: dict[str, str], tmp_path: Path) -> None:
    folder = RECIPES / "cwl"
    tool = yaml.safe_load((folder / "topo-predict.cwl").read_text())
    job = yaml.safe_load((folder / "test" / "job.yml").read_text())
    words = [*tool["baseCommand"]]
    for argument in tool["arguments"]:
        words += [argument["prefix"], argument["valueFrom"].replace("$(runtime.cores)", "1")]
    words += [
        word
        for name in job["formats"]
        for word in (tool["inputs"]["formats"]["type"][1]["inputBinding"]["prefix"], name)
    ]
    words += [tool["inputs"]["alternatives"]["inputBinding"]["prefix"], str(job["alternatives"])]
    words.append(str(folder / "test" / job["proteins"]["path"]))
    bash(" ".join(words), tmp_path, environment)
    for output in tool["outputs"].values():
        assert (tmp_path / output["outputBinding"]["glob"]).exists()


@posix
@pytest.mark.endurance
@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not installed")
def test_snakemake_runs_the_wrapper(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(RECIPES / "snakemake", tmp_path / "wrapper")
    bash("snakemake --cores 1", tmp_path / "wrapper" / "test", environment)
    assert (tmp_path / "wrapper" / "test" / "results" / "TMRs.gff3").is_file()


@posix
@pytest.mark.endurance
@pytest.mark.skipif(shutil.which("cwltool") is None, reason="cwltool is not installed")
def test_cwltool_runs_the_tool(environment: dict[str, str], tmp_path: Path) -> None:
    variables = {**environment, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    bash("topo warm-up", tmp_path, variables)
    tool, job = RECIPES / "cwl" / "topo-predict.cwl", RECIPES / "cwl" / "test" / "job.yml"
    line = f"cwltool --preserve-environment NUMBA_CACHE_DIR --outdir out {tool} {job}"
    found = json.loads(bash(line, tmp_path, variables))
    assert {"results", "summary", "tmrs"} <= set(found)
    assert Path(found["summary"]["path"]).read_text().count("\n") == 3


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("name", "compiled"), [("generic", 1), (None, 2)])
def test_kernels_of_an_image_fit_other_processors(
    name: str | None, compiled: int, tmp_path: Path
) -> None:
    """On two kinds of processor; the documented variable makes them share what is compiled."""
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    variables.pop("NUMBA_CPU_NAME", None)
    if name:
        variables["NUMBA_CPU_NAME"] = name
    for processor in ("nehalem", "haswell"):
        words = (sys.executable, "-c", _KERNEL, processor)
        subprocess.run(words, check=True, env=variables)
    assert len([*tmp_path.rglob("*.kernel")]) == compiled


_KERNEL = """
import sys
import llvmlite.binding
llvmlite.binding.get_host_cpu_name = lambda: sys.argv[1]
from topo.caches.kernels import njit

@njit()
def double(x):
    return 2 * x

assert double(3) == 6
"""


@posix
@pytest.mark.endurance
@pytest.mark.parametrize("warm", [True, False])
def test_an_image_predicts_in_the_c_locale_without_home_and_compiler(
    warm: bool, environment: dict[str, str], tmp_path: Path
) -> None:
    """What the Dockerfile sets, with its commands, packages that cannot be written and no HOME."""
    dockerfile = (RECIPES / "docker" / "Dockerfile").read_text()
    assert "RUN topo warm-up" in dockerfile
    assert "requirements-predict.txt" in dockerfile
    assert "NUMBA_CPU_NAME=generic" in dockerfile
    kernels = tmp_path / "kernels"
    bin_ = environment["PATH"].partition(os.pathsep)[0]
    bare = {"PATH": f"{bin_}:{tmp_path / 'tools'}", "LC_ALL": "C", "TMPDIR": str(tmp_path),
            "OMP_NUM_THREADS": "1"}  # fmt: skip
    (tmp_path / "tools").mkdir()
    for name in ("bash", "env"):
        (tmp_path / "tools" / name).symlink_to(str(shutil.which(name)))
    assert shutil.which("cc", path=bare["PATH"]) is None
    if warm:
        bare |= {"NUMBA_CACHE_DIR": str(kernels), "NUMBA_CPU_NAME": "generic"}
        bash("topo warm-up", tmp_path, bare)
        before = {path: path.stat().st_mtime_ns for path in kernels.rglob("*.kernel")}
        for path in (*kernels.rglob("*"), kernels):
            path.chmod(0o555 if path.is_dir() else 0o444)
    bash(f"topo predict {DATA / 'proteins.fasta'} -o out", tmp_path, bare)
    expected = (DATA / "predicted_topologies.3line").read_text()
    assert (tmp_path / "out" / "predicted_topologies.3line").read_text() == expected
    if warm:
        assert {p: p.stat().st_mtime_ns for p in kernels.rglob("*.kernel")} == before


def test_the_workflows_test_three_systems_and_four_pythons() -> None:
    folder = ROOT / ".github" / "workflows"
    tests = yaml.safe_load((folder / "tests.yml").read_text())["jobs"]
    matrix = tests["tests"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.10", "3.11", "3.12", "3.13"]
    assert tests["wheel"]["strategy"]["matrix"]["python"] == matrix["python"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    release = yaml.safe_load((folder / "release.yml").read_text())["jobs"]
    assert release["publish"]["permissions"] == {"id-token": "write"}
    assert release["publish"]["needs"] == ["tests", "build"]
    assert "twine check --strict dist/*" in str(release["build"]["steps"])
