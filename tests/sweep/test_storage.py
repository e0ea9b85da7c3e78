"""Sweeps in a database: PostgreSQL, started here, and SQLite."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import yaml
from conftest import ROOT, command

from topo.errors import ConfigError, TopoError
from topo.runs import Run
from topo.sweep.file import parse_sweep
from topo.sweep.storage import DatabaseStorage
from topo.sweep.study import SharedStudy, effective

SMALL = ["--gcs=8", "--lstm=8", "--batch=16", "--threads=1", "--precision=32", "--crop=200"]
GRID = {
    "method": "grid",
    "metric": {"name": "val_residue_accuracy", "goal": "maximize"},
    "command": ["${env}", "topo", "train", *SMALL, "--epochs=4", "${args}"],
    "parameters": {"layers": {"values": [1, 2]}, "seed": {"values": [0, 1]}},
}


def _program(name: str) -> str | None:
    folders = [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    return shutil.which(name, path=os.pathsep.join(folders))


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this module; under another user if the tests run as root."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    pwd = pytest.importorskip("pwd", reason="Windows cannot start a server as another user")
    initdb, control = _program("initdb"), _program("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    user = None
    folder = Path(tempfile.mkdtemp(prefix="topo-pg-", dir="/tmp"))
    if os.getuid() == 0:  # which PostgreSQL refuses
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def run(*words: object) -> None:
        log = folder / "commands.log"
        with open(log, "ab") as out:
            line = [str(word) for word in words]
            code = subprocess.run(line, stdout=out, stderr=out, cwd=folder, **who).returncode
        assert code == 0, log.read_text()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    run(initdb, "-D", data, "-U", "topo", "-A", "trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -F"
    run(control, "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
    yield f"postgresql://topo@127.0.0.1:{port}/postgres"
    run(control, "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["postgres", "sqlite"])
def url(request, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'database' / 'sweep.db'}"
    return request.getfixturevalue("postgres")


def _storage(url: str, request, heartbeat: int = 1) -> DatabaseStorage:
    return DatabaseStorage(url, request.node.name, heartbeat)


def _points(study: optuna.Study) -> list[tuple[int, int]]:
    trials = effective(study.get_trials())
    return sorted((t.params["layers"], t.params["seed"]) for t in trials)


def test_trials_of_the_dead_are_taken_up_by_heartbeat(url: str, request, tmp_path: Path) -> None:
    sweep = parse_sweep(GRID)
    one, two = (
        SharedStudy(sweep, tmp_path / name, storage=_storage(url, request)) for name in "ab"
    )
    lost, kept = one.take(), two.take()
    assert lost is not None and kept is not None  # noqa: PT018
    one.storage.close()  # its signs of life end
    since = time.monotonic()
    two.study.tell(kept, 0.5)
    retries = []
    while (trial := two.take()) is not None:
        if "retry_of" in trial.user_attrs:
            retries.append(trial.user_attrs["retry_of"])
            assert trial.params == lost.params
            assert time.monotonic() - since > 1
        two.study.tell(trial, 0.5)
    assert retries == [lost.number]
    assert {t.state.name for t in effective(two.study.get_trials())} == {"COMPLETE"}
    assert _points(two.study) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    two.storage.close()


def test_a_living_trial_is_left_to_its_process(url: str, request, tmp_path: Path) -> None:
    sweep = parse_sweep({**GRID, "parameters": {"seed": {"values": [0]}}})
    one, two = (
        SharedStudy(sweep, tmp_path / name, storage=_storage(url, request)) for name in "ab"
    )
    trial = one.take()
    assert trial is not None
    time.sleep(4)
    two.storage.fail_dead(two.study, two._requeue)
    assert [t.state.name for t in two.study.get_trials()] == ["RUNNING"]
    one.study.tell(trial, 0.5)
    assert two.take() is None
    one.storage.close()
    two.storage.close()


def test_studies_of_one_database_have_the_names_of_their_folders(
    postgres: str, tmp_path: Path
) -> None:
    file = tmp_path / "grid.yaml"
    short = {**GRID, "parameters": {"seed": {"values": [0]}}}
    file.write_text(
        yaml.safe_dump({**short, "command": [*GRID["command"][:-2], "--epochs=1", "${args}"]})
    )
    assert command("sweep", file, "-o", tmp_path / "first", "--storage", postgres) == 0
    assert not (tmp_path / "first" / "study.db").exists()
    assert (tmp_path / "first" / "trials.csv").is_file()
    driver = postgres.replace("postgresql:", "postgresql+psycopg:")
    assert "first" in optuna.get_all_study_names(driver)


@pytest.mark.endurance
def test_processes_with_folders_of_their_own_share_a_sweep(url: str, tmp_path: Path) -> None:
    """One of two is killed in a trial, as if its machine was lost; the other trains that anew.

    Signs of life every second come late on a crowded machine, and trials of the living would fail.
    """
    file = tmp_path / "grid.yaml"
    file.write_text(yaml.safe_dump(GRID))

    def start(name: str) -> subprocess.Popen:
        words = ["-o", tmp_path / name / "grid", "--storage", url, "--heartbeat", 10]
        line = [sys.executable, "-m", "topo", "sweep", file, *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([str(w) for w in line], env=environment, stderr=subprocess.PIPE)

    first, second = start("a"), start("b")
    while not list((tmp_path / "a").glob("grid/runs/*/history.csv")):
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    _, errors = second.communicate(timeout=600)
    assert second.returncode == 0, errors.decode()
    driver = url.replace("postgresql:", "postgresql+psycopg:")
    study = optuna.load_study(study_name="grid", storage=driver)
    assert _points(study) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert {t.state.name for t in effective(study.get_trials())} == {"COMPLETE"}
    assert any("retry_of" in trial.user_attrs for trial in study.get_trials())
    runs = [Run(path) for path in (tmp_path / "b" / "grid" / "runs").iterdir()]
    assert all(len(run.history()) == 4 for run in runs)


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense", "sqlite://"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="expected postgresql://USER@HOST/DATABASE or sqlite"):
        DatabaseStorage(url, "sweep")


def test_no_server_at_the_address_is_one_line_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(TopoError, match="cannot be reached") as caught:
        DatabaseStorage("postgresql://topo:secret@127.0.0.1:1/none", "sweep")
    assert "secret" not in str(caught.value)


def test_without_psycopg_one_line_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(TopoError, match=r"pip install 'topo-membrane\[postgresql\]'"):
        DatabaseStorage("postgresql://topo@127.0.0.1/none", "sweep")
