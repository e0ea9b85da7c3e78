"""The application: routes, pages, static files and answers to errors."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import fastapi_swagger
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from topo._version import __version__
from topo.io.export import EXPORTS
from topo.io.output_formats import DEFAULT_FORMATS, PREDICTION_FORMATS, PROBABILITY_FORMATS
from topo.labels import DECODERS
from topo.report.template import asset
from topo.resources import bundled
from topo.serve.api import found, router
from topo.serve.limits import DAY, MEGABYTE, Limits
from topo.serve.problems import (
    MEDIA_TYPE,
    ServiceError,
    StorageError,
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
    page = _start_page(app.state.service.limits)
    reference = _page("reference.html")

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
            content = path.read_bytes()
            return HTMLResponse(content, headers=page_policy(content))
        return FileResponse(path, filename=name, content_disposition_type="attachment")


def _start_page(limits: Limits) -> str:
    """Return the page of the site, with the choices of the options."""
    has_parquet = find_spec("pyarrow") is not None
    formats = [name for name in PREDICTION_FORMATS if has_parquet or name != "parquet"]
    tables = [name for name in PROBABILITY_FORMATS if has_parquet or name != "parquet"]
    days = limits.lifetime / DAY
    texts = {
        "program": f"topo {__version__}",
        "lifetime": f"{days:g} day{'' if days == 1 else 's'}",
        "proteins": f"{limits.proteins:,}",
        "decoders": _choices(DECODERS),
        "probabilities": _choices(tables),
        "formats": _boxes("format", formats, DEFAULT_FORMATS),
        "exports": _boxes("export", EXPORTS, ()),
    }
    page = _page("index.html")
    for name, text in texts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page


def _choices(names: Sequence[str]) -> str:
    return "".join(f"<option>{name}</option>" for name in names)


def _boxes(field: str, names: Sequence[str], chosen: Sequence[str]) -> str:
    return "\n".join(
        f'<label><input type="checkbox" name="{field}" value="{name}"'
        f"{' checked' if name in chosen else ''}> {name}</label>"
        for name in names
    )


def _add_static(app: FastAPI) -> None:
    swagger = files(fastapi_swagger).joinpath("resources")
    texts = {
        "site.css": (asset("style.css") + _page("site.css"), _CSS),
        "site.js": (_page("site.js"), _JAVASCRIPT),
        "job.js": (_page("job.js"), _JAVASCRIPT),
        "form.js": (_page("form.js"), _JAVASCRIPT),
        "reference.js": (_page("reference.js"), _JAVASCRIPT),
        "icon.svg": (_page("icon.svg"), "image/svg+xml"),
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
        return problem(error.status, str(error), retry_after=error.retry_after)

    @app.exception_handler(StorageError)
    async def full(request: Request, error: StorageError) -> Response:
        return unexpected(error)

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        return unexpected(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(422, "; ".join(map(_explain, error.errors()[:5])))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if is_storage_error(error.__cause__):  # no room for a large upload
            return unexpected(error)
        return problem(error.status_code, str(error.detail), headers=error.headers)


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


def _page(name: str) -> str:
    """Return a file of ``topo/serve/page``."""
    return files("topo.serve").joinpath("page", name).read_text(encoding="utf-8")


def _example() -> str:
    """Return a few of the bundled example proteins as FASTA."""
    records = (bundled("example") / "proteins.fasta").read_text(encoding="utf-8").split(">")[1:]
    chosen = [r for r in records if r.startswith(_EXAMPLES)] or records[:3]
    return "".join(f">{record}" for record in chosen)
