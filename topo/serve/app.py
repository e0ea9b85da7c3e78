"""The application: routes, pages, static files and answers to errors."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import fastapi_swagger
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from topo._version import __version__
from topo.report.template import asset
from topo.resources import bundled
from topo.serve.api import found, router
from topo.serve.limits import MEGABYTE
from topo.serve.pages import page_text, start_page
from topo.serve.problems import (
    MEDIA_TYPE,
    ServiceError,
    StorageError,
    is_page,
    is_storage_error,
    problem,
    unexpected,
)
from topo.serve.security import Guard, Token, page_policy
from topo.serve.service import Service

_ENVELOPE = 2 * MEGABYTE
"""Bytes of a request beside its sequences: the other fields of the form."""

_JAVASCRIPT, _CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_EXAMPLES = ("P79748", "P29972", "P00533", "P09919", "P68142")


def make_app(service: Service, secret: str | None) -> ASGIApp:
    """Return the application of a service.

    Parameters
    ----------
    service
        Service.
    secret
        Token that clients need, or None.
    """
    largest = service.limits.body + _ENVELOPE if service.limits.body else None
    app = FastAPI(
        title="topo",
        version=__version__,
        description="Membrane topology of proteins from their sequences.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        max_body_size=largest,
    )
    app.state.service, app.state.token = service, Token(secret)
    app.include_router(router)
    _add_pages(app)
    _add_static(app)
    _add_errors(app)
    return Guard(app, app.state.token, service.metrics, largest)


def _add_pages(app: FastAPI) -> None:
    page = start_page(app.state.service.limits)
    reference = page_text("reference.html")

    @app.get("/", include_in_schema=False)
    async def start() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/jobs/{job_id}", include_in_schema=False)
    async def job(job_id: str) -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference)

    @app.get("/jobs/{job_id}/files/{name}", include_in_schema=False)
    def file(job_id: str, name: str, request: Request) -> Response:
        held: Service = request.app.state.service
        path = held.store.folder(found(job_id, request).id).file(name)
        if path is None:
            raise ServiceError(404, "the job has no such file")
        if name == "report.html":
            headers = _report_policy(path, path.stat().st_mtime_ns)
            return FileResponse(path, media_type="text/html; charset=utf-8", headers=headers)
        return FileResponse(path, filename=name, content_disposition_type="attachment")


@lru_cache(maxsize=1000)
def _report_policy(path: Path, changed: int) -> dict[str, str]:
    return page_policy(path.read_bytes())


def _add_static(app: FastAPI) -> None:
    swagger = files(fastapi_swagger).joinpath("resources")
    texts = {
        "site.css": (asset("style.css") + page_text("site.css"), _CSS),
        "site.js": (page_text("site.js"), _JAVASCRIPT),
        "job.js": (page_text("job.js"), _JAVASCRIPT),
        "form.js": (page_text("form.js"), _JAVASCRIPT),
        "reference.js": (page_text("reference.js"), _JAVASCRIPT),
        "reference.css": (page_text("reference.css"), _CSS),
        "icon.svg": (page_text("icon.svg"), "image/svg+xml"),
        "example.fasta": (_example(), "text/plain; charset=utf-8"),
    }

    @app.get("/static/swagger-ui.js", include_in_schema=False)
    def swagger_script() -> Response:
        script = swagger.joinpath("swagger-ui-bundle.js").read_bytes()
        return Response(script, media_type=_JAVASCRIPT)

    @app.get("/static/swagger-ui.css", include_in_schema=False)
    def swagger_style() -> Response:
        return Response(swagger.joinpath("swagger-ui.css").read_bytes(), media_type=_CSS)

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in texts:
            raise ServiceError(404, "no such file")
        text, kind = texts[name]
        return Response(text, media_type=kind, headers={"Cache-Control": "no-cache"})


def _add_errors(app: FastAPI) -> None:
    app.openapi_schema = _openapi(app)

    @app.exception_handler(ServiceError)
    async def refused(request: Request, error: ServiceError) -> Response:
        page = is_page(request.url.path, request.headers)
        return problem(error.status, str(error), retry_after=error.retry_after, page=page)

    @app.exception_handler(StorageError)
    async def full(request: Request, error: StorageError) -> Response:
        return unexpected(error, is_page(request.url.path, request.headers))

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        return unexpected(error, is_page(request.url.path, request.headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(422, "; ".join(map(_explain, error.errors()[:5])))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if is_storage_error(error.__cause__):  # no room for a large upload
            return unexpected(error)
        page = is_page(request.url.path, request.headers)
        unknown = error.status_code == 404 and error.detail == "Not Found"
        detail = "no such page" if unknown else str(error.detail)
        return problem(error.status_code, detail, headers=error.headers, page=page)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the schema, in which all errors are problem documents."""
    schema = app.openapi()
    for path in schema["paths"].values():
        for operation in path.values():
            for status, answer in operation.get("responses", {}).items():
                if status.startswith("4") or status.startswith("5"):
                    answer["content"] = {
                        MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                    }
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    return schema


def _explain(error: dict[str, Any]) -> str:
    """Return a fault of a form as one line."""
    place = ".".join(str(part) for part in error["loc"][1:]) or "the form"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}"


def _example() -> str:
    """Return a few of the bundled example proteins as FASTA."""
    records = (bundled("example") / "proteins.fasta").read_text(encoding="utf-8").split(">")[1:]
    chosen = [r for r in records if r.startswith(_EXAMPLES)] or records[:3]
    return "".join(f">{record}" for record in chosen)
