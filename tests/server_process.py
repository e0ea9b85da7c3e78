"""A ``topo serve`` process for tests."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from conftest import ROOT

NEEDS = ("fastapi", "uvicorn", "fastapi_swagger", "prometheus_client", "python_multipart", "httpx")
OPEN = ("--jobs-per-minute", 0, "--max-waiting", 5000, "--workers", 2)
"""Options of a server with raised limits."""

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
_SERVING = re.compile(r"serving (http://\S+)")


class ServerProcess:
    """A running server with its own log file.

    Parameters
    ----------
    store
        Folder of the server; the log lies beside it.
    model
        Model folder.
    *options
        Further options of the command.
    """

    def __init__(self, store: Path, model: Path, *options: object) -> None:
        self.store, self.log = store, store.with_suffix(".log")
        words = ["serve", "--port", 0, "--store", store, "--model", model, *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "topo", *map(str, words)],
                stderr=log,
                stdout=log,
                env=environment,
            )
        try:
            self.url = self._wait(begin)
        except BaseException:
            self.kill()
            raise

    def _wait(self, begin: int) -> str:
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            text = self.log.read_text()[begin:]
            if found := _SERVING.search(text):
                return found[1]
            assert self.process.poll() is None, text
            time.sleep(0.05)
        raise AssertionError("the server did not start")

    def client(self, **options: Any) -> Any:
        """Return an HTTP client of the server."""
        import httpx

        return httpx.Client(base_url=self.url, timeout=120, **options)

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        pid = self.process.pid
        children = []
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in _words(child)]

    def kill(self) -> None:
        """End the server at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout: float = 120) -> int:
        """End the server by SIGTERM and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


def fasta(count: int, seed: int, shortest: int = 50, longest: int = 500) -> str:
    """Random proteins whose ids hold the seed."""
    draw = random.Random(seed)
    sizes = [draw.randint(shortest, longest) for _ in range(count)]
    return "".join(
        f">s{seed}n{k}\n{''.join(draw.choices(RESIDUES, k=size))}\n" for k, size in enumerate(sizes)
    )


def finished(client: Any, job: str, timeout: float = 300) -> dict[str, Any]:
    """Wait until a job ends and return its state."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        state = client.get(f"/api/jobs/{job}").json()
        if state["state"] in ("done", "failed"):
            return state
        time.sleep(0.05)
    raise AssertionError(f"the job is still {state['state']}")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name, without hidden ones."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name[0] != "."}


def _words(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
