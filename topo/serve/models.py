"""Answers of the service as pydantic models, which also describe them in the OpenAPI schema."""

from __future__ import annotations

from datetime import datetime, timezone

from pydantic import BaseModel, Field

from topo.serve.limits import Limits
from topo.serve.queue import Progress
from topo.serve.table import DONE, Job


class JobStatus(BaseModel):
    """State of a job."""

    id: str = Field(description="Name of the job. Who knows it can read and delete the job.")
    state: str = Field(description="queued, running, done or failed.")
    proteins: int = Field(description="Number of proteins.")
    residues: int = Field(description="Number of residues.")
    residues_done: int = Field(description="Number of finished residues.")
    position: int | None = Field(None, description="Place in the queue, from 1.")
    seconds_left: float | None = Field(None, description="Estimated time until the job ends.")
    waiting_for: str | None = Field(None, description="What a stopped job waits for.")
    created: datetime
    finished: datetime | None = None
    expires: datetime | None = Field(None, description="When the results are deleted.")
    error: str | None = Field(None, description="Why the job failed.")
    notes: list[str] = Field(description="Warnings about the input.")
    results: dict[str, str] = Field(description="Path of each result.")
    page: str = Field(description="Path of the page of the job.")


def job_status(job: Job, progress: Progress, limits: Limits) -> JobStatus:
    """Return the state of a job."""
    finished = job.finished
    expires = None if finished is None else _moment(finished + limits.lifetime)
    results = [*job.files, "zip"] if job.state == DONE else []
    return JobStatus(
        id=job.id,
        state=progress.state,
        proteins=job.proteins,
        residues=job.residues,
        residues_done=progress.residues_done,
        position=progress.position,
        seconds_left=progress.seconds_left,
        waiting_for=progress.waiting_for,
        created=_moment(job.created),
        finished=None if finished is None else _moment(finished),
        expires=expires,
        error=job.error,
        notes=job.notes,
        results={name: f"/api/jobs/{job.id}/results/{name}" for name in results},
        page=f"/jobs/{job.id}",
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), timezone.utc)


class Health(BaseModel):
    """State of the server."""

    status: str = Field(description="ok, or stopping.")
    version: str
    waiting: int = Field(description="Number of waiting jobs.")
    running: int = Field(description="Number of running jobs.")


class Problem(BaseModel):
    """Problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="One line: what was found and what was expected.")
