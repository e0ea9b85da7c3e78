"""Routes of the REST service."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Form, Request, Response, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from topo._version import __version__
from topo.serve.limits import client_of
from topo.serve.models import Health, JobStatus, Problem, job_status
from topo.serve.options import JobOptions, PredictionOptions
from topo.serve.problems import MEDIA_TYPE, ServiceError
from topo.serve.security import COOKIE, Token
from topo.serve.service import Service
from topo.serve.table import DONE, FAILED, Job

_FIRST_POLLS, _QUICK, _SLOW = 30, 0.1, 0.5
ZIP = "results.zip"


class _Input(BaseModel):
    """Sequences of a request: a file or a text."""

    sequences: str | None = Field(
        None, description="Sequences as FASTA or another format that topo predict reads."
    )
    file: UploadFile | None = Field(
        None, description="File of sequences, plain or compressed by gzip, bzip2 or xz."
    )

    def stream(self) -> tuple[Any, str | None]:
        """Return the stream of the input and its name.

        Raises
        ------
        ServiceError
            If there is not exactly one input.
        """
        if self.file is not None and not self.sequences:
            return self.file.file, self.file.filename
        if self.file is None and self.sequences:
            return io.BytesIO(self.sequences.encode("utf-8", "replace")), None
        found = "a file and a text" if self.file else "no sequences"
        raise ServiceError(422, f"found {found}, expected sequences or a file")


class PredictionForm(PredictionOptions, _Input):
    """Form of a synchronous prediction."""


class JobForm(JobOptions, _Input):
    """Form of a job."""


class SessionForm(BaseModel):
    """Form of a session."""

    token: str = Field(max_length=1000, description="Token of the server.")


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": content} for status in statuses}


router = APIRouter(prefix="/api", responses=_problems(401))
_INPUT = _problems(403, 413, 415, 422, 429, 503, 507)


def service(request: Request) -> Service:
    """Return the service of an application."""
    return request.app.state.service


def client(request: Request) -> str:
    """Return the name of a client in limits."""
    return client_of(request.client.host) if request.client else "unknown"


def found(job_id: str, request: Request) -> Job:
    """Return the job of a path."""
    return service(request).find(job_id)


def status_of(job: Job, held: Service) -> JobStatus:
    """Return the state of a job."""
    return job_status(job, held.queue.progress(job), held.limits)


_Service = Annotated[Service, Depends(service)]
_Client = Annotated[str, Depends(client)]
_Found = Annotated[Job, Depends(found)]


@router.post("/predict", responses=_INPUT, tags=["predictions"])
async def predict(
    form: Annotated[PredictionForm, Form()], held: _Service, who: _Client
) -> Response:
    """Predict up to 20 proteins and return everything known about each.

    The members of a prediction are those of the format ``jsonl``.
    """
    source, name = form.stream()
    held.admit(who)
    records, notes = await run_sync(held.predict, source, name, form, limiter=held.predictions)
    text = f'{{"predictions": [{", ".join(records)}], "notes": {json.dumps(notes)}}}\n'
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


@router.post("/jobs", status_code=202, responses=_INPUT, tags=["jobs"])
async def create_job(
    form: Annotated[JobForm, Form()], held: _Service, who: _Client, response: Response
) -> JobStatus:
    """Accept a job; an accepted job is kept until it ends, also if the server is stopped."""
    source, name = form.stream()
    held.admit(who)
    job = await run_sync(held.accept, source, name, form, limiter=held.uploads)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return status_of(job, held)


@router.get("/jobs/{job_id}", responses=_problems(404), tags=["jobs"])
def show_job(job: _Found, held: _Service) -> JobStatus:
    """Return the state of a job."""
    return status_of(job, held)


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    responses=_problems(404),
    tags=["jobs"],
)
async def watch_job(job: _Found, held: _Service) -> AsyncIterator[ServerSentEvent]:
    """Send the state of a job whenever it changes, until the job ends, as server-sent events."""
    last, polls = "", 0
    while True:
        if not held.queue.holds(job):
            ended = await run_sync(held.store.table.get, job.id)
            if ended is None:
                yield ServerSentEvent(event="deleted", data={})
                return
            job = ended
        status = status_of(job, held)
        text = status.model_dump_json()
        if text != last:
            last = text
            yield ServerSentEvent(event="state", raw_data=text)
        if status.state in (DONE, FAILED) or held.stopping:
            return
        polls += 1
        await asyncio.sleep(_QUICK if polls < _FIRST_POLLS else _SLOW)


@router.get(
    "/jobs/{job_id}/results/{name}",
    response_class=FileResponse,
    responses=_problems(404, 409, 507),
    tags=["jobs"],
)
def download(job: _Found, name: str, held: _Service) -> Response:
    """Return the file of a format; ``zip``, or a format of several files, as an archive."""
    if job.state != DONE:
        raise ServiceError(409, f"the job is {job.state}, expected one that is done")
    folder = held.store.folder(job.id)
    if name == "zip":
        return _attachment(folder.zipped(folder.names(), ZIP), ZIP)
    if name not in job.files:
        names = ", ".join([*job.files, "zip"])
        raise ServiceError(404, f"found result {name!r}, expected one of {names}")
    files = job.files[name]
    if len(files) == 1:
        return _attachment(folder.results / files[0], files[0])
    archive = f"{name}.zip"
    return _attachment(folder.zipped(files, archive), archive)


@router.delete("/jobs/{job_id}", status_code=204, responses=_problems(403, 404, 507), tags=["jobs"])
def delete_job(job: _Found, held: _Service) -> None:
    """Delete a job with its input and its results, also while it runs."""
    held.queue.delete(job)


@router.get("/health", tags=["server"])
async def health(held: _Service) -> Health:
    """Return the state of the server."""
    queue = held.queue
    status = "stopping" if held.stopping else "ok"
    return Health(
        status=status, version=__version__, waiting=queue.waiting(), running=queue.running()
    )


@router.get("/metrics", response_class=Response, tags=["server"])
def metrics(held: _Service) -> Response:
    """Return figures in the text format of Prometheus."""
    return Response(held.metrics.text(), media_type="text/plain; version=0.0.4")


@router.post("/session", status_code=204, responses=_problems(403, 413, 415, 503), tags=["server"])
def open_session(
    form: Annotated[SessionForm, Form()], request: Request, response: Response
) -> None:
    """Exchange the token of the server for a cookie, which browsers send on."""
    held: Token = request.app.state.token
    if not held.is_right(form.token):
        raise ServiceError(401, "found another token, expected that of this server")
    response.set_cookie(
        COOKIE,
        held.session,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _attachment(path: Path, name: str) -> Response:
    if not path.is_file():
        raise ServiceError(404, "the file does not exist")
    return FileResponse(path, filename=name, content_disposition_type="attachment")
