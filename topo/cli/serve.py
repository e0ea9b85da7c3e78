"""``topo serve``: web page and REST service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import ModelName
from topo.errors import TopoError

_PACKAGES = ("fastapi", "uvicorn", "fastapi_swagger", "prometheus_client", "python_multipart")
_MOST_WORKERS = 8


def serve(
    host: Annotated[
        str,
        typer.Option(help="Address to serve; 0.0.0.0 is every network of this computer."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to serve; 0 chooses a free one.", min=0, max=65535)
    ] = 8000,
    model: ModelName = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Number of processes that predict. 0 takes one per core, at most 8.", min=0
        ),
    ] = 0,
    store: Annotated[Path, typer.Option(help="Path to the folder of jobs and results.")] = Path(
        "topo-server"
    ),
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TOPO_SERVE_TOKEN",
            show_default=False,
            help="Secret that clients send as a bearer token. By default none is needed. The "
            "environment variable keeps it out of the list of processes.",
        ),
    ] = None,
    max_residues: Annotated[
        int, typer.Option(help="Maximum number of residues of a protein.", min=1)
    ] = 50_000,
    max_job_residues: Annotated[
        int, typer.Option(help="Maximum number of residues of a job.", min=1)
    ] = 5_000_000,
    max_proteins: Annotated[
        int, typer.Option(help="Maximum number of proteins of a job.", min=1)
    ] = 10_000,
    max_direct: Annotated[
        int,
        typer.Option(help="Maximum number of proteins that are predicted without a job.", min=1),
    ] = 20,
    max_megabytes: Annotated[
        float,
        typer.Option(
            help="Maximum size of the sequences of a request, unpacked, in MB.", min=0.001
        ),
    ] = 20.0,
    jobs_per_minute: Annotated[
        int,
        typer.Option(help="Maximum number of jobs of a client per minute; 0 is no limit.", min=0),
    ] = 30,
    max_waiting: Annotated[int, typer.Option(help="Maximum number of waiting jobs.", min=1)] = 200,
    keep_days: Annotated[
        float, typer.Option(help="Days after which results are deleted.", min=0.00001)
    ] = 7.0,
    drain: Annotated[
        float,
        typer.Option(
            help="Seconds for running jobs to end when the server stops; the rest continues at "
            "its next start.",
            min=0,
        ),
    ] = 30.0,
    slow_seconds: Annotated[
        float,
        typer.Option(help="Seconds after which a connection without progress is closed.", min=0.1),
    ] = 60.0,
    proxies: Annotated[
        str | None,
        typer.Option(
            help="Addresses of proxies in front of the server, separated by commas, whose "
            "X-Forwarded-For names the client."
        ),
    ] = None,
) -> None:
    """Serve a web page and a REST service for predictions on this computer.

    Jobs and results are kept in the folder of --store. After a stop or crash, unfinished jobs
    continue at the next start. Needs the packages of the extra "serve".
    """
    _check_packages()
    token = token or None  # an empty environment variable is none

    from topo.serve.limits import DAY, MEGABYTE, Limits
    from topo.serve.server import serve_forever

    limits = Limits(
        protein_residues=max_residues,
        job_residues=max_job_residues,
        proteins=max_proteins,
        direct_proteins=max_direct,
        body=round(max_megabytes * MEGABYTE),
        jobs_per_minute=jobs_per_minute,
        queue=max_waiting,
        lifetime=keep_days * DAY,
        drain=drain,
        head=min(20.0, slow_seconds),
        stall=slow_seconds,
    )
    count = workers or min(_MOST_WORKERS, _cores())
    serve_forever(host, port, store, model, count, limits, token, proxies)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_packages() -> None:
    from importlib.util import find_spec

    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise TopoError(
            f"topo serve needs {', '.join(missing)}: pip install 'topo-membrane[serve]'"
        )
