"""Limits of a server: the jobs of a client per minute, and what all receive at a time."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

MEGABYTE = 1_000_000
DAY = 86_400.0
_MINUTE = 60.0
_CLIENTS = 10_000
"""Largest number of clients that are remembered at a time."""


@dataclass(frozen=True)
class Limits:
    """What a server accepts.

    Parameters
    ----------
    protein_residues, job_residues
        Largest number of residues of a protein, and of a job.
    proteins
        Largest number of proteins of a job.
    direct_proteins
        Largest number of proteins of a synchronous prediction; jobs of that size run in a lane of
        their own.
    body
        Largest size of a request and of its unpacked sequences, in bytes.
    jobs_per_minute
        Largest number of jobs and synchronous predictions of a client per minute.
    queue
        Largest number of waiting jobs, and of synchronous predictions at a time.
    lifetime
        Seconds after which the results of a job are deleted.
    drain
        Seconds for running jobs to end when the server stops; what is left resumes at its start.
    head, stall
        Seconds for the head of a request, and without progress of a transfer.
    """

    protein_residues: int = 50_000
    job_residues: int = 5_000_000
    proteins: int = 10_000
    direct_proteins: int = 20
    body: int = 20 * MEGABYTE
    jobs_per_minute: int = 30
    queue: int = 200
    lifetime: float = 7 * DAY
    drain: float = 30.0
    head: float = 20.0
    stall: float = 60.0


class Allowance:
    """Jobs of each client in the last minute.

    Parameters
    ----------
    limit
        Largest number per client and minute; 0 is no limit.
    clock
        Function that returns seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(self, client: str) -> float:
        """Count a job of a client, and return 0; or seconds to wait if the minute is used up."""
        if not self._limit:
            return 0.0
        now = self._clock()
        with self._lock:
            times = self._times.pop(client, deque())
            while times and times[0] <= now - _MINUTE:
                times.popleft()
            wait = times[0] + _MINUTE - now if len(times) >= self._limit else 0.0
            if not wait:
                times.append(now)
            self._times[client] = times  # the client that came last is at the end
            while len(self._times) > _CLIENTS:
                del self._times[next(iter(self._times))]
        return wait


class Room:
    """Bytes of the requests that are being received, which the memory and the disk have to hold.

    Parameters
    ----------
    total, share
        Largest sum of all requests, and of those of one client.
    """

    def __init__(self, total: int, share: int) -> None:
        self._total, self._share = total, share
        self._used: Counter[str] = Counter()

    def take(self, client: str, size: int) -> bool:
        """Reserve the bytes of a request, and return whether there was room."""
        if self._used.total() + size > self._total or self._used[client] + size > self._share:
            return False
        self._used[client] += size
        return True

    def give_back(self, client: str, size: int) -> None:
        """Free the bytes of a request that has been answered."""
        self._used[client] -= size
        if not self._used[client]:
            del self._used[client]


def client_of(address: str) -> str:
    """Return the client of an address: one of IPv4, or a network of IPv6.

    A host of IPv6 has a network of 2**64 addresses and counts as one client.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((int(found), 64), strict=False))
