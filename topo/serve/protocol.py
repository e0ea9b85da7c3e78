"""HTTP connections with timeouts for clients that send or read too slowly."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from topo.serve.limits import Limits

CONNECTIONS = 500
"""Largest number of connections of an address at a time."""


def timed_protocol(limits: Limits, limit_clients: bool) -> type[H11Protocol]:
    """Return the protocol of connections, with timeouts for slow clients.

    Parameters
    ----------
    limits
        Limits, in seconds.
    limit_clients
        Whether an address has at most :data:`CONNECTIONS` connections; not behind a proxy, whose
        address all clients share.
    """
    connections: Counter[str] = Counter()

    class TimedProtocol(H11Protocol):
        """Closes connections whose requests or readers make no progress."""

        _address = ""
        _head: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._address = str((self.client or ("",))[0])
            connections[self._address] += 1
            if limit_clients and connections[self._address] > CONNECTIONS:
                transport.abort()
            self._head = self.loop.call_later(limits.head, self._check_head)

        def connection_lost(self, exc: Exception | None) -> None:
            connections[self._address] -= 1
            if not connections[self._address]:
                del connections[self._address]
            for timer in (self._head, self._stalled):
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
            else:
                self._settle()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._expect_progress()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._settle()

        def on_response_complete(self) -> None:
            self._settle()
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

        def _settle(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

    return TimedProtocol
