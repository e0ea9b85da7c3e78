"""Windows, pieces of long chains, precision, batch sizes, memory and start-up of prediction."""

from __future__ import annotations

import random
import signal
import statistics
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from topo import load_model, predict
from topo.checkpoint import Checkpoint
from topo.cli.interrupt import Interrupt
from topo.errors import ConfigError, InputWarning
from topo.grammar.legality import is_legal
from topo.inference import batches
from topo.inference.batches import cut_window, protein_key, read_windows
from topo.inference.compute import BatchPredictor, Settings
from topo.inference.memory import FASTEST, available_memory, default_batch_residues
from topo.inference.pieces import OVERLAP, cut_chain, longest_run
from topo.inference.store import create_store, reopen_store
from topo.io import read_proteins
from topo.nn.precision import bfloat16_pays, resolve_precision
from topo.protein import Protein
from topo.resources import bundled

EXAMPLE = bundled("example") / "proteins.fasta"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture(scope="module")
def base() -> Checkpoint:
    return load_model()


def chain(size: int, seed: int = 0) -> str:
    return "".join(random.Random(seed).choices(LETTERS, k=size))


def test_windows_end_by_number_and_by_residues(monkeypatch) -> None:
    monkeypatch.setattr(batches, "WINDOW", 3)
    monkeypatch.setattr(batches, "WINDOW_RESIDUES", 10)
    lengths = [1, 1, 1, 1, 9, 20, 1, 2]
    windows = read_windows(Protein(str(i), "A" * n) for i, n in enumerate(lengths))
    assert [[len(p) for p in w] for w in windows] == [[1, 1, 1], [1, 9], [20], [1, 2]]


def test_batches_hold_each_sequence_once_longest_first() -> None:
    proteins = [Protein(str(i), "A" * n) for i, n in enumerate([3, 8, 3, 5, 8, 1])]
    earlier: dict[bytes, bytes] = {}
    window = cut_window(proteins, 10, False, earlier)
    assert [[len(p) for p in b.proteins] for b in window.batches] == [[8], [5], [1, 3]]
    assert len({*window.answers}) == 4
    assert window.answers[0] == window.answers[2]
    again = cut_window([*proteins[:2], Protein("new", "C")], 10, False, earlier)
    assert [[p.id for p in b.proteins] for b in again.batches] == [["new"]]
    assert again.answers[:2] == window.answers[:2]


def test_an_answer_is_another_in_other_company() -> None:
    one, other, third = (Protein(c, c * 4) for c in "ACD")
    pairs = [cut_window(pair, 100, False, {}).answers[0] for pair in ([one, other], [one, third])]
    assert pairs[0] != pairs[1]
    assert pairs[0] == cut_window([one, other], 100, False, {}).answers[0]


def test_coordinates_count_where_the_model_sees_them() -> None:
    flat = Protein("a", "MK")
    folded = Protein("a", "MK", coordinates=np.zeros((2, 3), dtype=np.float32))
    assert protein_key(flat, False) == protein_key(folded, False)
    assert protein_key(flat, True) != protein_key(folded, True)


def test_equal_sequences_are_computed_once(base: Checkpoint, monkeypatch) -> None:
    compute, seen = BatchPredictor.__call__, []

    def counted(self, proteins):
        seen.extend(proteins)
        return compute(self, proteins)

    monkeypatch.setattr(BatchPredictor, "__call__", counted)
    proteins = [Protein(f"p{i}", chain(30, i % 3), metadata={"n": i}) for i in range(9)]
    found = list(predict(proteins, base))
    assert len(seen) == 3
    assert [(p.id, p.sequence, p.metadata) for p in found] == [
        (p.id, p.sequence, p.metadata) for p in proteins
    ]
    assert found[0].labels == found[3].labels


def test_store_gives_back_every_bit(base: Checkpoint, tmp_path: Path) -> None:
    proteins = list(read_proteins(EXAMPLE))[:4]
    header = {"made_by": {"x": 1}, "started": "2" * 14, "batch_residues": 9}
    store = create_store(tmp_path / "store", header)
    found = list(predict(proteins, base))
    for prediction in found:
        store.add(prediction.id.encode().ljust(32)[:32], prediction)
    store.close()
    again = reopen_store(tmp_path / "store")
    assert again is not None
    assert len(again) == 4
    assert again.header == header
    for protein, prediction in zip(proteins, found, strict=True):
        read = again.get(protein.id.encode().ljust(32)[:32], protein)
        assert (read.labels, read.type) == (prediction.labels, prediction.type)
        assert read.confidence == prediction.confidence
        assert read.probabilities.tobytes() == prediction.probabilities.tobytes()
        assert read.type_probabilities.tobytes() == prediction.type_probabilities.tobytes()
    again.close()


@pytest.mark.parametrize(("precision", "tolerance"), [("32", 1e-4), ("bf16", 2e-2)])
def test_company_does_not_matter(precision: str, tolerance: float, base: Checkpoint) -> None:
    proteins = [p for p in read_proteins(EXAMPLE) if len(p) < 400][:12]
    together = list(predict(proteins, base, precision=precision))
    alone = list(predict(proteins, base, precision=precision, batch_residues=1))
    assert [p.labels for p in alone] == [p.labels for p in together]
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=tolerance)
        np.testing.assert_allclose(a.type_probabilities, b.type_probabilities, atol=tolerance)


def test_precision_is_used_and_checked(base: Checkpoint) -> None:
    protein = next(iter(read_proteins(EXAMPLE)))
    one, half = (next(predict([protein], base, precision=p)) for p in ("32", "bf16"))
    assert (one.probabilities != half.probabilities).any()
    assert np.abs(one.probabilities - half.probabilities).max() < 0.2
    assert resolve_precision("auto", "cpu", "lstm") == ("bf16" if bfloat16_pays("cpu") else "32")
    assert resolve_precision("auto", "cpu", "gru") == "32"
    with pytest.raises(ConfigError, match="found precision '16', expected one of auto, 32, bf16"):
        next(predict([protein], base, precision="16"))


def test_pieces_cover_a_chain_and_overlap() -> None:
    assert cut_chain(1000, 1000) == [(0, 1000)]
    for size, longest in ((1001, 1000), (5000, 1000), (2048, 1024), (10, 4)):
        spans = cut_chain(size, longest)
        assert spans[0][0] == 0
        assert spans[-1][1] == size
        assert all(end - start == longest for start, end in spans)
        shared = [a[1] - b[0] for a, b in pairwise(spans)]
        assert min(shared) >= min(OVERLAP, longest // 2)


def test_longest_run() -> None:
    assert longest_run([False, True, True, True, False, True]) == (2, 3)
    assert longest_run([False] * 6) == (3, 0)
    assert longest_run([True] * 6) == (3, 6)


def test_a_chain_in_pieces_is_legal_and_near_the_whole(base: Checkpoint) -> None:
    sequence = "".join(p.sequence for p in read_proteins(EXAMPLE))[:4000]
    whole = next(predict([Protein("a", sequence)], base, precision="32"))
    pieces = next(predict([Protein("a", sequence)], base, precision="32", longest=1500))
    assert is_legal(pieces.labels)
    assert len(pieces.labels) == 4000
    same = np.mean(
        [(a in "MBS") == (b in "MBS") for a, b in zip(whole.labels, pieces.labels, strict=True)]
    )
    assert same > 0.95  # which side is inside is open in such a chain
    np.testing.assert_allclose(whole.type_probabilities, pieces.type_probabilities, atol=0.05)
    np.testing.assert_allclose(pieces.probabilities.sum(1), 1, atol=1e-5)


def test_pieces_that_do_not_agree_are_told(base: Checkpoint) -> None:
    protein = Protein("mixed", "".join(p.sequence for p in read_proteins(EXAMPLE))[:600])
    with pytest.warns(InputWarning, match=r"mixed: its pieces of 20 residues do not agree where"):
        found = next(predict([protein], base, longest=20))
    assert is_legal(found.labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(predict([protein], base, longest=600))


def test_one_residue_and_a_very_short_chain(base: Checkpoint) -> None:
    for sequence in ("M", "MK", "X"):
        found = next(predict([Protein("a", sequence)], base))
        assert len(found.labels) == len(sequence)
        assert is_legal(found.labels)


def test_settings_are_checked(base: Checkpoint) -> None:
    with pytest.raises(ConfigError, match="expected 2 or more"):
        Settings.of("viterbi", "32", 1, "cpu", base)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_told(device: str) -> None:
    with pytest.raises(ConfigError, match=f"found device '{device}', expected one of this machine"):
        load_model(device=device)


def test_batch_size_follows_the_memory(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:  4000 kB\n")
    assert available_memory(tmp_path) == 4000 * 1024
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("3000000\n")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("1000000\n")
    assert available_memory(tmp_path) == 2_000_000
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert available_memory(tmp_path) == 4000 * 1024
    sizes = []
    for gigabytes in (0.01, 1, 4, 1000):
        monkeypatch.setattr(
            "topo.inference.memory.available_memory", lambda n=gigabytes: int(n * 1e9)
        )
        sizes.append(default_batch_residues())
    assert sizes == [1024, 4096, FASTEST, FASTEST]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_proteins(tmp_path: Path, monkeypatch) -> None:
    from topo.checkpoint import load_checkpoint, save_checkpoint
    from topo.config import load_config
    from topo.nn.tagger import Tagger

    monkeypatch.setattr(batches, "WINDOW", 256)
    fields = {"model.encoder.gcs": 4, "model.recurrent.size": 4, "model.recurrent.layers": 1}
    config = load_config(None, fields=fields)
    tagger = Tagger(config.model, config.graph)
    save_checkpoint(tmp_path / "small", tagger, config, {}, "card\n")
    model = load_checkpoint(tmp_path / "small")

    def proteome() -> Iterator[Protein]:
        for i in range(20_000):
            yield Protein(str(i), chain(8 + i % 20, i))

    peaks = []
    tracemalloc.start()
    for index, _ in enumerate(predict(proteome(), model, batch_residues=4096)):
        if index % 5000 == 4999:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
    tracemalloc.stop()
    assert len(peaks) == 4
    assert max(peaks[1:]) < 1.1 * peaks[0] + 200_000


@pytest.mark.slow
def test_titin_in_one_piece_stays_within_its_limits(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows does not measure child processes")
    path = tmp_path / "titin.fasta"
    path.write_text(f">long\n{chain(35_213)}\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "topo", "predict", str(path), "-o", str(tmp_path), "--plots"]
    subprocess.run([*line, "none"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
    assert after.ru_maxrss < 4 << 20  # kB


@pytest.mark.slow
def test_prediction_starts_quickly(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows does not measure child processes")
    path = tmp_path / "one.fasta"
    path.write_text(f">one\n{chain(200)}\n")

    def seconds(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    run = ["-m", "topo", "predict", str(path), "-o", str(tmp_path)]
    seconds(*run)  # compiles what is compiled once
    pairs = [(seconds("-c", "import torch"), seconds(*run)) for _ in range(5)]
    imports, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert ours < 1.8 * imports


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_what_is_held() -> None:
    done: list[str] = []

    def come(name: str, times: int) -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append(name)

    def held(name: str, times: int) -> None:
        with interrupt.held():
            come(name, times)

    with Interrupt() as interrupt:
        for run, name, times in ((held, "held", 1), (come, "not held", 1), (held, "twice", 2)):
            with pytest.raises(KeyboardInterrupt):
                run(name, times)
    assert done == ["held"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_encoder_stays_in_float32(base: Checkpoint) -> None:
    kinds = []
    handle = base.tagger.trunk.encoder.register_forward_hook(lambda *x: kinds.append(x[2].dtype))
    next(predict([Protein("a", "MKVLAAGIV")], base, precision="bf16"))
    handle.remove()
    assert kinds == [torch.float32]


def test_command_lines_take_the_default_decoder():
    from inspect import signature

    from topo.cli.evaluate import evaluate
    from topo.cli.predict import predict as predict_command
    from topo.labels import DECODERS

    for command_function in (evaluate, predict_command):
        assert signature(command_function).parameters["decoder"].default == DECODERS[0]
