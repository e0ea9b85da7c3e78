"""Processes of the command line that start at once, to be stopped at random moments.

A server process imports everything that the verbs need and forks one child per command line, so
that a start takes milliseconds instead of seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}
"""Exit code of a process that each signal ends."""


class Ended(NamedTuple):
    """Exit code of a process, minus the signal that killed it, and its standard error."""

    code: int
    error: str


class Processes:
    """Client of the server.

    Parameters
    ----------
    folder
        Folder for what the processes write to standard error.
    temporary
        Value of TMPDIR.
    """

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder = folder
        self.server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        )
        self._line()  # waits for the imports

    def run(
        self,
        words: Sequence[object],
        number: int | None = None,
        moment: Callable[[], bool] = lambda: False,
    ) -> Ended:
        """Run a command line; send a signal at a moment, if the process is still there."""
        error = self.folder / "stderr"
        self._send({"words": [*map(str, words)], "error": str(error)})
        process = int(self._line())
        deadline = time.monotonic() + 300
        while number is not None and time.monotonic() < deadline:
            if moment():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
                break
            if not _is_running(process):
                break
            time.sleep(0.002)
        self._send({"wait": process})
        return Ended(int(self._line()), error.read_text(errors="replace"))

    def close(self) -> None:
        """End the server."""
        self.server.communicate()

    def _send(self, request: dict[str, object]) -> None:
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()

    def _line(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline()


@contextmanager
def processes(folder: Path, temporary: Path) -> Iterator[Processes]:
    """Run the server while the block runs."""
    found = Processes(folder, temporary)
    try:
        yield found
    finally:
        found.close()


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _serve() -> None:
    """Fork a child for each request with words; answer each with its exit code when asked."""
    import lightning.pytorch  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import optuna  # noqa: F401

    import topo.cli.main
    import topo.inference
    import topo.metrics.evaluation
    import topo.report.cross_validation
    import topo.report.curves
    import topo.report.evaluation_files
    import topo.report.sweep
    import topo.sweep.trials
    import topo.training.loop
    import topo.training.pretraining  # noqa: F401
    from topo.inference.warm_up import compile_kernels

    compile_kernels()  # or load them
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if not child:
            _run(request["words"], request["error"])
        print(child, flush=True)


def _run(words: list[str], error: str) -> NoReturn:
    """Become a process of the command line."""
    from topo.cli.main import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, (path, mode) in {
        0: (os.devnull, os.O_RDONLY),
        1: (os.devnull, os.O_WRONLY),
        2: (error, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    }.items():
        os.dup2(os.open(path, mode, 0o600), number)
    sys.argv = ["topo", *words]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
