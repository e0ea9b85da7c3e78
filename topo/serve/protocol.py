"""HTTP connections with timeouts for clients that send or read too slowly."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from topo.serve.limits import Limits, client_of

CONNECTIONS, TOTAL = 500, 2000
"""Largest number of connections of a client and of all clients at a time."""

_WHOLE = 10
"""Time for a whole body, relative to that without progress."""


def timed_protocol(limits: Limits, limit_clients: bool) -> type[H11Protocol]:
    """Return the protocol of connections, with timeouts for slow clients.

    Parameters
    ----------
    limits
        Limits, in seconds.
    limit_clients
        Whether a client has at most :data:`CONNECTIONS` connections; not behind a proxy, whose
        address all clients share.
    """
    connections: Counter[str] = Counter()

    class TimedProtocol(H11Protocol):
        """Closes connections whose requests or readers make no progress."""

        _address = ""
        _head: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None
        _body: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._address = client_of(str((self.client or ("",))[0]))
            connections[self._address] += 1
            many = limit_clients and connections[self._address] > CONNECTIONS
            if many or connections.total() > TOTAL:
                transport.abort()
            self._head = self.loop.call_later(limits.head, self._check_head)

        def connection_lost(self, exc: Exception | None) -> None:
            connections[self._address] -= 1
            if not connections[self._address]:
                del connections[self._address]
            for timer in (self._head, self._stalled, self._body):
                if timer is not None:
                    timer.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            waiting = self.cycle is None or self.cycle.response_complete
            super().data_received(data)
            if self.cycle is None or self.cycle.response_complete:
                if not waiting or self._head is None:
                    self._restart_head()
            elif self.cycle.more_body:
                self._expect_progress()
                if self._body is None:
                    seconds = _WHOLE * limits.stall
                    self._body = self.loop.call_later(seconds, self.transport.abort)
            else:
                self._settle()
                self._end_body()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._expect_progress()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._settle()

        def on_response_complete(self) -> None:
            self._settle()
            self._end_body()
            super().on_response_complete()

        def _restart_head(self) -> None:
            if self._head is not None:
                self._head.cancel()
            self._head = self.loop.call_later(limits.head, self._check_head)

        def _check_head(self) -> None:
            """Close a connection that has not sent the head of a request in time."""
            self._head = None
            if self.cycle is None or (
                self.cycle.response_complete and self.timeout_keep_alive_task is None
            ):
                self.transport.abort()

        def _expect_progress(self) -> None:
            self._settle()
            self._stalled = self.loop.call_later(limits.stall, self.transport.abort)

        def _end_body(self) -> None:
            if self._body is not None:
                self._body.cancel()
                self._body = None

        def _settle(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

    return TimedProtocol
