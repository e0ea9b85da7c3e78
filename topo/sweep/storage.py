"""Where the study of a sweep is stored, and how the processes of a sweep see each other's end.

:class:`FolderStorage` keeps the study in a SQLite file of the folder that the processes share, and
sees the end of a process by its lock file. :class:`DatabaseStorage` keeps it in a database that
processes on any machine reach, and sees the end of a process by Optuna's heartbeat.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from topo.errors import ConfigError, TopoError
from topo.io.extras import import_extra
from topo.runs import make_folder
from topo.sweep.workers import Worker, exclusive, is_alive, remove_dead

HEARTBEAT = 60
"""Seconds between signs of life of a trial in a database; after three of them it counts as dead."""

_LOCK = 0x746F706F  # key of the advisory lock of PostgreSQL
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}

OnDeath = Callable[[FrozenTrial], None]
"""Function that queues the trial of a dead process again."""


class StudyStorage(Protocol):
    """Storage of a study.

    Attributes
    ----------
    place
        Name in messages.
    study_name
        Name of the study in the storage.
    """

    place: str
    study_name: str

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep the other processes of the sweep waiting while the block runs."""
        ...

    def open(self) -> optuna.storages.BaseStorage:
        """Open the storage; called once, in an exclusive block."""
        ...

    def begin(self, trial: Trial) -> None:
        """Record that this process is at work on a trial."""
        ...

    def fail_dead(self, study: optuna.Study, on_death: OnDeath) -> None:
        """Let the trials of dead processes fail, and pass each to a function once."""
        ...

    def close(self) -> None:
        """End the signs of life of this process."""
        ...


class FolderStorage:
    """Study in the file ``study.db`` of a folder, with a lock file for each process.

    Parameters
    ----------
    folder
        Folder of the sweep.

    Attributes
    ----------
    worker
        Lock file of this process; None before :meth:`open`.
    """

    study_name = "sweep"

    def __init__(self, folder: Path) -> None:
        self.place = str(folder / "study.db")
        self._folder = folder
        self.worker: Worker | None = None

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep the other processes of the sweep waiting while the block runs."""
        return exclusive(self._folder / "lock")

    def open(self) -> optuna.storages.BaseStorage:
        """Open the file, and remove the lock files of killed processes; the caller is exclusive."""
        remove_dead(self._folder / "workers")
        self.worker = Worker(self._folder / "workers")
        return optuna.storages.RDBStorage(
            f"sqlite:///{Path(self.place).resolve()}",
            engine_kwargs={"connect_args": {"timeout": 600}},
        )

    def begin(self, trial: Trial) -> None:
        """Record which process is at work on a trial."""
        assert self.worker is not None, "begin comes after open"
        trial.set_user_attr("worker", self.worker.name)

    def fail_dead(self, study: optuna.Study, on_death: OnDeath) -> None:
        """Let the trials of processes fail that no longer hold their lock file."""
        for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            # A trial without a worker name belongs to a process that died just after asking for it.
            worker = trial.user_attrs.get("worker", "none")
            if not is_alive(self._folder / "workers", worker):
                on_death(trial)
                study.tell(trial.number, state=TrialState.FAIL)

    def close(self) -> None:
        """Release the lock file."""
        if self.worker is not None:
            self.worker.close()


class DatabaseStorage:
    """Study in PostgreSQL or in a SQLite file, with Optuna's heartbeat for each trial.

    Parameters
    ----------
    url
        ``postgresql://USER:PASSWORD@HOST/DATABASE`` or ``sqlite:///FILE``.
    study_name
        Name of the study in the database.
    heartbeat
        Seconds between signs of life.

    Raises
    ------
    TopoError
        If the address is of another kind, a package is missing, or the database cannot be reached.
    """

    def __init__(self, url: str, study_name: str, heartbeat: int = HEARTBEAT) -> None:
        self._url = _parsed(url)
        self.place, self.study_name = self._url.render_as_string(hide_password=True), study_name
        self._heartbeat = heartbeat
        self._storage: optuna.storages.RDBStorage | None = None
        self._trial: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        if self._url.database and self._url.drivername == "sqlite":
            make_folder(Path(self._url.database).absolute().parent)
        self._engine = create_engine(self._url, pool_pre_ping=True)
        with self._reachable(), self._engine.connect():
            pass

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold a lock of the database, which it releases when the process ends for any reason."""
        if self._url.drivername == "sqlite":
            with exclusive(Path(f"{self._url.database}.lock")):
                yield
            return
        with self._reachable(), self._engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield  # the lock ends with the transaction

    def open(self) -> optuna.storages.BaseStorage:
        """Open the database, and make its tables if there are none."""
        options = {"connect_args": {"timeout": 600}} if self._url.drivername == "sqlite" else {}
        self._storage = optuna.storages.RDBStorage(
            self._url.render_as_string(hide_password=False),
            engine_kwargs={"pool_pre_ping": True, **options},
            heartbeat_interval=self._heartbeat,
            grace_period=3 * self._heartbeat,
        )
        return self._storage

    def begin(self, trial: Trial) -> None:
        """Record the first sign of life of a trial, and continue at intervals."""
        assert self._storage is not None, "begin comes after open"
        self._trial = trial._trial_id
        self._storage.record_heartbeat(trial._trial_id)
        if not self._thread.is_alive():
            self._thread.start()

    def fail_dead(self, study: optuna.Study, on_death: OnDeath) -> None:
        """Let the trials fail whose signs of life have ceased."""
        assert self._storage is not None, "fail_dead comes after open"
        # Its name before and since Optuna 4.9.
        for name in ("failed_trial_callback", "heartbeat_stale_trial_callback"):
            setattr(self._storage, name, lambda _, trial: on_death(trial))
        optuna.storages.fail_stale_trials(study)

    def close(self) -> None:
        """End the signs of life."""
        self._ended.set()
        self._engine.dispose()

    def _beat(self) -> None:
        while not self._ended.wait(self._heartbeat):
            assert self._storage is not None, "begin comes after open"
            assert self._trial is not None, "begin starts this thread"
            # A failed one, for instance while the database restarts, is made up for by the next.
            with contextlib.suppress(SQLAlchemyError, optuna.exceptions.StorageInternalError):
                self._storage.record_heartbeat(self._trial)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise TopoError(f"{self.place}: cannot be reached ({reason})") from None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            f"--storage: found {url!r}, expected postgresql://USER@HOST/DATABASE or sqlite:///FILE"
        ) from None
    if parsed.drivername == "sqlite" and parsed.database:
        return parsed
    if parsed.drivername not in _DRIVERS:
        raise ConfigError(
            f"--storage: found {parsed.drivername}, expected postgresql://USER@HOST/DATABASE or "
            "sqlite:///FILE"
        )
    import_extra("psycopg", "--storage postgresql:// needs psycopg", "postgresql")
    return parsed.set(drivername=_DRIVERS[parsed.drivername])
