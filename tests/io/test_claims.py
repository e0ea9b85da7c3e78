"""Claims: exclusive, stale after the lease or the end of their process, and never stolen twice."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from topo.errors import TopoError
from topo.io.claims import Claims, Owner

FAR = Owner("another", "machine", 1, "2")


def test_a_name_is_claimed_once_and_again_after_release(tmp_path: Path) -> None:
    mine, theirs = Claims(tmp_path), Claims(tmp_path, owner=FAR)
    with mine.take("a"):
        assert theirs.take("a") is None
        assert mine.take("a") is None
        assert mine.holder("a") == mine.owner
        with theirs.take("b"):
            assert mine.take("b") is None
    assert mine.holder("a") is None
    with theirs.take("a") as claim:
        assert claim.generation == 0


def test_claim_of_a_dead_process_of_this_machine_is_stale_at_once(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    started = Owner.this()._replace(process=child.pid)
    from topo.io.claims import _start_time

    theirs = Claims(tmp_path, owner=started._replace(started=_start_time(child.pid)))
    assert theirs.take("a") is not None
    mine = Claims(tmp_path)
    assert mine.take("a") is None
    child.kill()
    child.wait()
    with mine.take("a") as claim:
        assert claim.generation == 1
    assert not [*tmp_path.glob("a.*")]


def test_claims_on_work_that_is_done_do_not_stay(tmp_path: Path) -> None:
    killed = Owner.this()._replace(started="1")
    for name in ("a", "a", "b"):
        assert Claims(tmp_path, owner=killed).take(name) is not None
    mine = Claims(tmp_path)
    mine.discard("a")
    with mine.turn("b", lambda: True) as is_mine:
        assert not is_mine
    assert not [*tmp_path.iterdir()]


def test_a_process_with_the_same_number_does_not_revive_a_claim(tmp_path: Path) -> None:
    earlier = Owner.this()._replace(started="1")
    assert Claims(tmp_path, owner=earlier).take("a") is not None
    assert Claims(tmp_path).take("a") is not None


def test_claim_of_another_machine_is_stale_after_the_lease(tmp_path: Path) -> None:
    assert Claims(tmp_path, 0.4, FAR).take("a") is not None  # never entered, so never touched
    mine = Claims(tmp_path, 0.4)
    assert mine.take("a") is None
    time.sleep(0.5)
    with mine.take("a") as claim:
        assert claim.generation == 1


def test_a_claim_at_work_stays_fresh(tmp_path: Path) -> None:
    mine = Claims(tmp_path, 0.4)
    with Claims(tmp_path, 0.4, FAR).take("a"):
        time.sleep(0.9)
        assert mine.take("a") is None
    assert mine.take("a") is not None


def test_a_process_that_was_taken_for_dead_leaves_the_claim_of_its_successor(
    tmp_path: Path,
) -> None:
    late = Claims(tmp_path, 0.2, FAR).take("a")
    assert late is not None
    time.sleep(0.3)
    mine = Claims(tmp_path, 0.2)
    with mine.take("a"):
        with late:
            pass
        assert mine.take("a") is None
        assert Claims(tmp_path, 0.2, FAR).take("a") is None
    assert not [*tmp_path.glob("a.*")]


def test_a_claim_that_cannot_be_written_does_not_stay(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("topo.io.claims.json.dump", full)
    with pytest.raises(TopoError, match=r"a\.0: cannot be written \(No space left on device\)"):
        Claims(tmp_path).take("a")
    assert not list(tmp_path.iterdir())


def test_a_claim_without_content_is_fresh_for_the_lease(tmp_path: Path) -> None:
    (tmp_path / "a.0").touch()
    assert Claims(tmp_path).take("a") is None
    os.utime(tmp_path / "a.0", (1, 1))
    assert Claims(tmp_path).take("a") is not None


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_exactly_one_takes_a_name(stale: bool, tmp_path: Path) -> None:
    for turn in range(20):
        folder = tmp_path / str(turn)
        if stale:
            Claims(folder, owner=Owner.this()._replace(started="1")).take("a")
        many = [Claims(folder, owner=FAR._replace(process=i)) for i in range(8)]
        barrier, won = threading.Barrier(len(many)), []

        def compete(claims: Claims, barrier=barrier, won=won) -> None:
            barrier.wait()
            if claims.take("a") is not None:
                won.append(claims.owner)

        threads = [threading.Thread(target=compete, args=[claims]) for claims in many]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
