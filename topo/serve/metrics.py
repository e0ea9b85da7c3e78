"""Figures of a server for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from topo.inference.workers import WorkerPool
from topo.serve.queue import JobQueue
from topo.serve.table import DONE, FAILED


class _Queue(Collector):
    """Figures that are read when they are asked for."""

    def __init__(self, queue: JobQueue, pool: WorkerPool) -> None:
        self._queue, self._pool = queue, pool

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("topo_jobs_waiting", "Waiting jobs.", self._queue.waiting())
        yield GaugeMetricFamily("topo_jobs_running", "Running jobs.", self._queue.running())
        ended = CounterMetricFamily("topo_jobs_ended", "Jobs that have ended.", labels=["state"])
        for state in (DONE, FAILED):
            ended.add_metric([state], self._queue.ended[state])
        yield ended
        yield CounterMetricFamily(
            "topo_worker_deaths", "Worker processes that died and were replaced.", self._pool.deaths
        )


class Metrics:
    """Requests by route and status, and the state of the queue."""

    def __init__(self, queue: JobQueue, pool: WorkerPool) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queue(queue, pool))
        self._seconds = Histogram(
            "topo_request_seconds",
            "Seconds until a request was answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        known = method if method in ("GET", "HEAD", "POST", "DELETE") else "other"
        self._seconds.labels(known, route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self._registry)
