"""The examples of the documentation and the files for containers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from conftest import ROOT
from server_process import ServerProcess

PAGE = ROOT / "docs" / "serve.md"
FILES = ROOT / "docs" / "packaging" / "serve"
_BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)
_ADDRESS = "http://127.0.0.1:8000"


def blocks(language: str, word: str) -> list[str]:
    found = _BLOCK.findall(PAGE.read_text())
    return [text for kind, text in found if kind == language and word in text]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_the_example_with_curl(server: ServerProcess, tmp_path: Path) -> None:
    (script,) = blocks("sh", "curl")
    example = tmp_path / "data" / "example" / "proteins.fasta"
    example.parent.mkdir(parents=True)
    records = (ROOT / "data" / "example" / "proteins.fasta").read_text().split(">")
    example.write_text(">".join(records[:20]))
    script = script.replace(_ADDRESS, server.url).replace("python -c", f"{sys.executable} -c")
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    assert '"state":"done"' in (tmp_path / "events.txt").read_text()
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", "results.zip"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "summary.tsv" in names
    assert "topologies.gff3" in names
    assert "report.html" not in names


def test_the_example_with_python(server: ServerProcess) -> None:
    (script,) = blocks("python", "httpx")
    done = subprocess.run(
        [sys.executable, "-c", script.replace(_ADDRESS, server.url)],
        capture_output=True,
        text=True,
        check=True,
    )
    name, kind, labels = done.stdout.split()
    assert name == "one"
    assert kind in ("TM", "SP+TM", "SP", "GLOB", "BETA")
    assert labels.startswith("I")


def instructions(name: str) -> list[str]:
    """The instructions of a kind of the Dockerfile, without line continuations."""
    text = (FILES / "Dockerfile").read_text().replace("\\\n", " ")
    return [line[len(name) :].strip() for line in text.splitlines() if line.startswith(f"{name} ")]


def test_the_container_has_a_user_and_a_health_check() -> None:
    assert instructions("USER") == ["topo"]
    assert instructions("ENTRYPOINT") == [
        '["topo", "serve", "--host", "0.0.0.0", "--store", "/data"]'
    ]
    assert len(instructions("HEALTHCHECK")) == 1
    assert "pip install --no-deps /wheels/*.whl" in instructions("RUN")
    compose = (FILES / "compose.yaml").read_text()
    assert "read_only: true" in compose
    assert "cap_drop: [ALL]" in compose


def test_the_container_installs_the_packages_of_the_extra() -> None:
    lines = (FILES / "requirements.txt").read_text().splitlines()
    project = (ROOT / "pyproject.toml").read_text()
    extra = re.search(r"^serve = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert extra
    needed = set(re.findall(r'"([^"]+)"', extra[1]))
    assert {line for line in lines if line[0] not in "#-"} == needed
    (included,) = (line.removeprefix("-r ") for line in lines if line.startswith("-r "))
    assert (FILES / included).resolve() == ROOT / "requirements-predict.txt"


@pytest.mark.endurance
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_the_steps_of_the_container_without_docker(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Run the install lines, the compilation and the entry point as a user without rights.

    The root is read-only, as in ``compose.yaml``, where the system allows the test to make it so.
    """
    folder = tmp_path_factory.mktemp("container")
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    python = folder / "venv"
    subprocess.run([interpreter(), "-m", "venv", python], check=True)
    environment = {
        **os.environ,
        "PATH": f"{python}/bin:{os.environ['PATH']}",
        "NUMBA_CACHE_DIR": str(folder / "kernels"),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("PYTHONPATH", None)
    sizes = {}
    for line in instructions("RUN"):
        if line.startswith("useradd"):
            continue
        line = line.replace("/src", str(ROOT)).replace("/wheels", str(folder / "wheels"))
        if index := os.environ.get("TOPO_TORCH_INDEX"):  # options of pip for another mirror
            line = line.replace("--index-url https://download.pytorch.org/whl/cpu", index)
        subprocess.run(line, shell=True, check=True, env=environment, cwd=folder)
        used = subprocess.run(["du", "-sm", folder], capture_output=True, text=True, check=True)
        sizes[line[:40]] = int(used.stdout.split()[0])
    print("MB after each step:", sizes)
    data = folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, 10001, 10001)
    words = [f"{python}/bin/topo", "serve", "--store", str(data), "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [*confined(data), *words],
        env={**environment, "HOME": "/nonexistent"},
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "serving http" in line, line
    url = line.split("serving ")[1].split()[0]
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert re.search(r"^Uid:\s10001\s10001\s10001\s10001$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s0+$", status, re.MULTILINE)
    check = instructions("HEALTHCHECK")[0].split("CMD ")[1]
    script = check.split('"-c", "')[1].rsplit('"]', 1)[0].replace(_ADDRESS, url)
    subprocess.run([f"{python}/bin/python", "-c", script], check=True)
    body = urlencode({"sequences": ">one\nMKTLLLTLVVVTIVCLDLGYTEEQPQTKSALLL"}).encode()
    with urlopen(f"{url}/api/predict", body, timeout=60) as answer:
        assert json.load(answer)["predictions"][0]["id"] == "one"
    process.terminate()
    assert process.wait(60) == 0


def interpreter() -> str:
    """Return an interpreter that a user without rights can start, as that of the image."""
    code = "import ensurepip, sys; sys.exit(sys.version_info < (3, 10))"
    for found in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        # sh starts the interpreter: setpriv still has the rights of root when it starts sh
        words = [*_USER.split(), "sh", "-c", 'exec "$@"', "sh", found, "-c", code]
        if subprocess.run(words, cwd="/", capture_output=True).returncode == 0:
            return found
    pytest.skip("no Python that other users can start")


_USER = "setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all"


def confined(data: Path) -> list[str]:
    """Return a command that runs another one without rights, with a read-only root if possible."""
    mounts = f"mount --make-rprivate / && mount --bind {data} {data} && mount -o remount,bind,ro /"
    probe = subprocess.run(["unshare", "--mount", "sh", "-c", mounts], capture_output=True)
    print("read-only root:", probe.returncode == 0)
    if probe.returncode:
        return _USER.split()
    return ["unshare", "--mount", "sh", "-c", f'{mounts} && exec {_USER} "$@"', "sh"]
