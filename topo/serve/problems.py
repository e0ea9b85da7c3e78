"""Errors of the service, and their answers as problem documents (RFC 9457)."""

from __future__ import annotations

import errno
import logging
import math
import sqlite3
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from fastapi.responses import HTMLResponse, JSONResponse, Response

from topo.errors import TopoError, one_line
from topo.serve.pages import problem_page

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("topo.serve")
_STORAGE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EACCES, errno.EPERM, errno.EIO),
)


class ServiceError(TopoError):
    """A request that is refused.

    Parameters
    ----------
    status
        Status code of HTTP.
    message
        What was found and what was expected.
    retry_after
        Seconds after which the request may succeed.
    """

    longest = 3000

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class StorageError(TopoError):
    """A store that cannot be written at present; what was accepted is kept."""


class Cancelled(Exception):  # noqa: N818  (no error: the owner has deleted the job)
    """A job that its owner has deleted, or that the stop of the server interrupts."""


def is_storage_error(error: BaseException | None) -> bool:
    """Return whether the disk is the cause: full, read-only or defective."""
    while error is not None:
        if isinstance(error, StorageError) or (
            isinstance(error, OSError) and error.errno in _STORAGE
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def log_defect(error: BaseException) -> None:
    """Log where an unexpected error was raised, without its message, which may quote an input."""
    places = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s\n%s", type(error).__name__, places.rstrip())


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn errors of the disk and of SQLite into :class:`StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"{what}: cannot be written ({error})") from error
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        raise StorageError(f"{what}: cannot be written ({error.strerror})") from error


def is_page(path: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser opens an address of the site and shows the answer as a page."""
    return not path.startswith("/api/") and "text/html" in headers.get("accept", "")


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    page: bool = False,
) -> Response:
    """Return an error as a problem document, or as a page of the site.

    Parameters
    ----------
    status
        Status code of HTTP.
    detail
        One line: what was found and what was expected.
    headers
        Headers of the answer.
    retry_after
        Seconds after which the request may succeed.
    page
        Whether to return a page.
    """
    sent = dict(headers or {})
    if retry_after is not None:
        sent["Retry-After"] = str(max(1, math.ceil(retry_after)))
    title, line = HTTPStatus(status).phrase, one_line(detail, ServiceError.longest)
    if page:
        return HTMLResponse(problem_page(title, line), status, headers=sent)
    content = {"type": "about:blank", "title": title, "status": status, "detail": line}
    return JSONResponse(content, status, headers=sent, media_type=MEDIA_TYPE)


def unexpected(error: Exception, page: bool = False) -> Response:
    """Return the answer to an error that no request should cause, and log where it was raised."""
    if is_storage_error(error):
        return problem(507, f"the store cannot be written ({_cause(error)})", page=page)
    log_defect(error)
    return problem(500, "the request failed; the log of the server has the place", page=page)


def _cause(error: BaseException) -> str:
    """Return the reason that the system gives for a failed write."""
    last: BaseException = error
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        last, cause = cause, cause.__cause__ or cause.__context__
    return str(last)
