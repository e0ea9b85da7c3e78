"""Middleware: token, requests from other sites, headers, and answers to unexpected errors."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topo.serve.metrics import Metrics
from topo.serve.problems import problem, unexpected

COOKIE = "topo_session"
_OPEN = ("/api/health", "/api/session", "/api/openapi.json")
_READ_ONLY = ("GET", "HEAD", "OPTIONS")
_SITE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _SITE,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_INLINE = {
    "script-src": re.compile(rb"<script>(.*?)</script>", re.DOTALL),
    "style-src": re.compile(rb"<style>(.*?)</style>", re.DOTALL),
}


def page_policy(page: bytes) -> dict[str, str]:
    """Return the headers of a self-contained page: only its own scripts and style run.

    Parameters
    ----------
    page
        Content of ``report.html``.
    """
    allowed = {
        kind: " ".join(f"'sha256-{_digest(text)}'" for text in pattern.findall(page)) or "'none'"
        for kind, pattern in _INLINE.items()
    }
    policy = (
        f"default-src 'none'; script-src {allowed['script-src']}; "
        f"style-src {allowed['style-src']}; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    )
    return {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"}


def _digest(text: bytes) -> str:
    import base64

    return base64.b64encode(hashlib.sha256(text).digest()).decode()


class Token:
    """Optional secret that clients send as a bearer token, and browsers as a cookie.

    Parameters
    ----------
    secret
        The token; None lets everybody in.
    """

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    @property
    def session(self) -> str:
        """Value of the cookie, from which the token cannot be computed."""
        key = (self._secret or "").encode()
        return hmac.new(key, b"session", hashlib.sha256).hexdigest()

    def is_right(self, offered: str) -> bool:
        """Return whether a token is the right one."""
        if self._secret is None:
            return True
        return secrets.compare_digest(offered.encode(), self._secret.encode())

    def admits(self, headers: Headers) -> bool:
        """Return whether the headers of a request hold the token or the cookie."""
        if self._secret is None:
            return True
        kind, _, offered = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_right(offered.strip())
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return secrets.compare_digest(cookie.encode(), self.session.encode())


class Guard:
    """Outermost middleware of the service.

    Parameters
    ----------
    app
        Application.
    token
        Token.
    metrics
        Counter of requests.
    largest
        Largest size of a request, in bytes; None is no limit.
    """

    def __init__(
        self, app: ASGIApp, token: Token, metrics: Metrics, largest: int | None = None
    ) -> None:
        self._app, self._token, self._metrics = app, token, metrics
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answer = time.perf_counter(), _Answer(send)
        try:
            await (self._refusal(scope) or self._app)(scope, receive, answer.send)
        except Exception as error:
            await self._fail(error, answer, scope, receive)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - begun
            self._metrics.observe(scope["method"], route, answer.status, seconds)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if scope["method"] not in _READ_ONLY and _is_cross_site(headers):
            return problem(403, "found a request from another site, expected one from this page")
        size = headers.get("content-length", "0")
        if self._largest is not None and size.isdecimal() and int(size) > self._largest:
            found = f"found a request of {int(size):,} bytes"
            return problem(413, f"{found}, expected at most {self._largest:,}")
        path = scope["path"]
        guarded = path.startswith("/api/") and path not in _OPEN
        guarded = guarded or (path.startswith("/jobs/") and "/files/" in path)
        if guarded and not self._token.admits(headers):
            challenge = {"WWW-Authenticate": "Bearer"}
            return problem(401, "expected the token of this server", headers=challenge)
        return None

    async def _fail(
        self, error: Exception, answer: _Answer, scope: Scope, receive: Receive
    ) -> None:
        """Answer an unexpected error; the connection is closed if an answer has begun."""
        if answer.complete:  # the application has answered and logged the error
            return
        response = unexpected(error)
        if answer.status:
            raise ConnectionAbortedError("an answer was cut off") from None
        await response(scope, receive, answer.send)


class _Answer:
    """Adds the headers to an answer and remembers its status."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send, self.status, self.complete = send, 0, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
        self.complete = message["type"] == "http.response.body" and not message.get("more_body")


def _is_cross_site(headers: Headers) -> bool:
    """Return whether a browser sends the request for a page of another site."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True
