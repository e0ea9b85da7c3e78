"""Start and stop of a server: socket, worker processes, timeouts of connections."""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
from pathlib import Path
from types import FrameType

import torch
import uvicorn

from topo.errors import TopoError
from topo.inference import load_model
from topo.inference.workers import WorkerPool
from topo.serve.app import make_app
from topo.serve.limits import Limits
from topo.serve.protocol import timed_protocol
from topo.serve.run import Predictor, collect_warnings
from topo.serve.service import Service
from topo.serve.store import ServerStore

_PRIVATE = 0o077
_KEEP_ALIVE = 15
log = logging.getLogger("topo.serve")


def serve_forever(
    host: str,
    port: int,
    store: Path,
    model: str | None,
    workers: int,
    limits: Limits,
    token: str | None = None,
    proxies: str | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then end what runs and keep the rest.

    Parameters
    ----------
    host, port
        Address; port 0 chooses a free one.
    store
        Path to the folder of jobs.
    model
        Argument of :func:`topo.inference.load_model`.
    workers
        Number of worker processes.
    limits
        Limits.
    token
        Token that clients need, or None.
    proxies
        Addresses of proxies whose headers name the client, separated by commas; None trusts none.

    Raises
    ------
    TopoError
        If the address is in use, the model cannot be loaded or the store cannot be written.
    """
    _log_with_times()
    os.umask(_PRIVATE)
    torch.set_num_threads(1)
    collect_warnings()
    signal.signal(signal.SIGTERM, _interrupt)  # before uvicorn has its own handler
    with _bind(host, port) as listener:
        opened = ServerStore(store)
        tempfile.tempdir = str(opened.incoming)  # uploads stay in the store
        _raise_file_limit()
        try:
            checkpoint = load_model(model)
            with WorkerPool(checkpoint.path, ["cpu"] * workers, lasting=True) as pool:
                pool.wait_until_loaded()
                service = Service(opened, Predictor(checkpoint, pool), limits, workers)
                _run(service, listener, token, proxies)
        finally:
            opened.close()


def _run(service: Service, listener: socket.socket, token: str | None, proxies: str | None) -> None:
    """Run the jobs and answer requests until a signal comes."""
    config = uvicorn.Config(
        make_app(service, token),
        http=timed_protocol(service.limits, limit_clients=proxies is None),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies or "",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(service.limits.drain)),
    )
    service.queue.start()
    address, port = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    log.info("serving http://%s:%d (Ctrl-C stops)", shown, port)
    try:
        _Server(config, service).run([listener])
    finally:
        service.stopping = True
        service.queue.stop()
        log.info("stopped; unfinished jobs: %d", len(service.store.table.unfinished()))


class _Server(uvicorn.Server):
    """Server that ends streams of events when it is asked to stop."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop accepting; the answers that are being sent are completed."""
        self._service.stopping = True
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # they are not raised again: the jobs are stopped next


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TopoError(f"{host}:{port}: cannot be served ({reason})") from None
    return listener


def _raise_file_limit() -> None:
    """Allow as many open files and connections as the system does."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _log_with_times() -> None:
    """Write lines with times, and of other libraries warnings without content."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("topo.serve", "uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        if name != "topo.serve":
            logger.setLevel(logging.WARNING)
    handler.addFilter(_without_content)


def _without_content(record: logging.LogRecord) -> bool:
    """Drop tracebacks, and all but the first line of other libraries, which may quote a request."""
    record.exc_info = record.exc_text = None
    if not record.name.startswith("topo."):
        record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True
