"""Masked-residue pre-training: masks, pieces, exclusions, runs, and training from a trunk."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, command
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from topo.checkpoint import load_checkpoint, save_ensemble
from topo.config import Config, PretrainingConfig, load_config
from topo.data.corpus import Corpus, read_corpus
from topo.data.masking import mask_residues
from topo.data.pieces import PretrainingData, cut
from topo.graph import node_features
from topo.nn.masked import MaskedResidueModel
from topo.nn.tagger import Tagger
from topo.nn.trunk import TRUNK
from topo.residues import AMINO_ACIDS
from topo.resources import bundled
from topo.runs import Run

ARCHITECTURE = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--threads", "1", "--precision", "32"),
]  # fmt: skip
SHORT = [
    *("--residues", "12000", "--interval", "3000", "--crop", "64", "--set", "training.ema=0.5"),
    *("--set", "pretraining.batch_residues=512"),
]  # fmt: skip


def random_sequence(random: np.random.Generator, size: int) -> str:
    return "".join(random.choice([*AMINO_ACIDS, "X"], size))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Forty proteins of which every residue follows from the one before it."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("corpus") / "corpus.fasta"
    with open(path, "w") as file:
        for number in range(40):
            start, size = random.integers(20), random.integers(20, 300)
            file.write(f">p{number}\n{(AMINO_ACIDS[start:] + AMINO_ACIDS * 15)[:size]}\n")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "similar_folds.tsv"
    path.write_text("id\tsimilar_folds\np1\tcv0\np2\tcv0,cv3\np3\tcv3\np4\t-\np99\tcv3\n")
    return path


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory) -> Run:
    """A run of four intervals."""
    folder = tmp_path_factory.mktemp("runs") / "pretrained"
    assert command("pretrain", corpus, "-o", folder, *SHORT, *ARCHITECTURE) == 0
    return Run(folder)


@given(
    letters=st.text(AMINO_ACIDS + "XUB", min_size=1, max_size=300),
    chosen=st.floats(0.01, 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_chosen_are_the_asked_share_of_the_standard_residues(
    letters: str, chosen: float, seed: int
) -> None:
    rule = PretrainingConfig(chosen=chosen)
    piece = np.frombuffer(letters.encode(), dtype=np.uint8)
    shown, target = mask_residues(piece, rule, np.random.default_rng(seed))
    standard = np.array([letter in AMINO_ACIDS for letter in letters])
    told = target >= 0
    expected = max(1, round(chosen * standard.sum())) if standard.any() else 0
    assert told.sum() == expected
    assert not (told & ~standard).any()
    assert all(AMINO_ACIDS[t] == letters[i] for i, t in enumerate(target) if t >= 0)
    assert (shown[~told] == piece[~told]).all()


def test_shares_of_masked_random_and_kept_residues() -> None:
    random = np.random.default_rng(1)
    piece = np.frombuffer(b"A" * 200_000, dtype=np.uint8)
    shown, target = mask_residues(piece, PretrainingConfig(), random)
    assert (target >= 0).sum() == 30_000
    letters = shown[target >= 0]
    # A random residue is an A in one case of twenty.
    kept = (letters == ord("A")).mean()
    assert (letters == ord("X")).mean() == pytest.approx(0.8, abs=0.01)
    assert kept == pytest.approx(0.1 + 0.1 / 20, abs=0.01)
    others = [(letters == ord(a)).mean() for a in AMINO_ACIDS[1:]]
    assert others == pytest.approx([0.005] * 19, abs=0.002)


@given(
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=20),
    crop=st.integers(1, 300),
    seed=st.integers(0, 100),
)
@settings(max_examples=60)
def test_pieces_cover_every_chain_once(lengths: list[int], crop: int, seed: int) -> None:
    pieces = cut(np.array(lengths), crop, np.random.default_rng(seed))
    for chain, length in enumerate(lengths):
        own = pieces[pieces[:, 0] == chain]
        assert (own[0, 1], own[-1, 2]) == (0, length)
        assert (own[1:, 1] == own[:-1, 2]).all()
        sizes = own[:, 2] - own[:, 1]
        assert sizes.max() <= crop
        assert len(own) == 1 or sizes.min() >= crop - 3 * crop // 4


def small_data(**fields: object) -> PretrainingData:
    random = np.random.default_rng(3)
    sequences = [random_sequence(random, size) for size in random.integers(5, 200, 60)]
    letters = np.frombuffer("".join(sequences).encode(), dtype=np.uint8)
    starts = np.cumsum([0, *map(len, sequences)])
    rule = {"crop": 50, "interval": 1000, "residues": 9600, "batch_residues": 600, **fields}
    return PretrainingData(Corpus(letters, starts), load_config(None, fields={"pretraining": rule}))


def test_a_turn_shows_every_training_residue_once_and_no_held_out_one() -> None:
    data = small_data()
    assert not set(data.train) & set(data.validation)
    assert {*data.train, *data.validation} == set(range(60))
    size = int(data.corpus.lengths[data.train].sum())
    for turn in (0, 1):
        pieces = data.stream(turn * size, (turn + 1) * size)
        assert set(pieces[:, 0]) == {turn}
        assert set(pieces[:, 1]) == set(data.train)
        assert (pieces[:, 3] - pieces[:, 2]).sum() == size


def test_intervals_show_the_stream_in_parts() -> None:
    data = small_data()
    assert data.intervals == 10
    assert [data.shown(i) for i in (0, 8, 9)] == [1000, 9000, 9600]
    seen = np.concatenate([data.train_loader(i).dataset.pieces for i in range(10)])
    assert (seen == data.stream(0, 9600)).all()
    batches = list(data.train_loader(2).batch_sampler)
    assert sorted(row for batch in batches for row in batch) == list(
        range(len(data.train_loader(2).dataset))
    )


def test_processes_share_the_batches_evenly() -> None:
    data = small_data(batch_residues=100)
    alone = [tuple(batch) for batch in data.train_loader(0).batch_sampler]
    shares = [[*map(tuple, data.train_loader(0, rank, 2).batch_sampler)] for rank in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == len(alone) // 2
    assert set(shares[0]).isdisjoint(shares[1])
    assert {*shares[0], *shares[1]} <= set(alone)


def test_batches_follow_from_the_seed_with_any_number_of_workers() -> None:
    def first(**fields: object) -> torch.Tensor:
        return next(iter(small_data(**fields).train_loader(1))).x

    assert torch.equal(first(), first())
    assert torch.equal(first(), first(workers=1))


def test_masked_residue_shows_as_the_unknown_one_at_its_place() -> None:
    data = small_data(masked=1.0, random=0.0)
    dataset = data.train_loader(0).dataset
    graph, piece = dataset[0], dataset.pieces[0]
    _, protein, start, end = piece.tolist()
    sequence = data.corpus.sequence(protein).tobytes().decode()
    told = (graph.target >= 0).numpy()
    expected = node_features(sequence, start, end)
    blank = node_features("X" * len(sequence), start, end)
    assert told.any()
    assert (graph.x.numpy()[~told] == expected[~told]).all()
    assert (graph.x.numpy()[told] == blank[told]).all()


def test_validation_is_always_the_same_and_all_masked() -> None:
    data = small_data(workers=0)
    one, other = (next(iter(data.validation_loader())) for _ in range(2))
    assert torch.equal(one.x, other.x)
    assert (one.x[one.target >= 0][:, :20] == 0).all()


def test_scores_are_of_the_chosen_residues_alone() -> None:
    graph = next(iter(small_data().train_loader(0)))
    config = load_config(None, ["model.encoder.gcs=8", "model.recurrent.size=8"])
    scores, target = MaskedResidueModel(config.model, config.graph)(graph)
    assert scores.shape == (int((graph.target >= 0).sum()), 20)
    assert torch.equal(target, graph.target[graph.target >= 0])


@pytest.mark.parametrize(("folds", "expected"), [(["cv0"], 2), (["cv3"], 2), ([], 3)])
def test_relatives_of_excluded_folds_are_left_out(
    corpus: Path, table: Path, folds: list[str], expected: int
) -> None:
    rule = PretrainingConfig(
        corpus=str(corpus), exclude_similar=str(table), exclude_folds=folds, validation=1
    )
    whole, found = read_corpus(PretrainingConfig(corpus=str(corpus))), read_corpus(rule)
    assert len(whole) - len(found) == expected
    assert list(found.left_out.values()) == [expected]
    assert set(found.checksums) == {str(corpus), str(table)}
    gone = {"cv0": ["p1", "p2"], "cv3": ["p2", "p3"]}.get("".join(folds), ["p1", "p2", "p3"])
    kept = [i for i in range(40) if f"p{i}" not in gone]
    assert (found.lengths == whole.lengths[kept]).all()


def test_run_folder_holds_history_info_and_trunk(finished: Run, corpus: Path) -> None:
    history = finished.history()
    assert [row["residues"] for row in history] == [3000, 6000, 9000, 12000]
    for row in history:
        assert row["val_pseudo_perplexity"] == pytest.approx(math.exp(row["val_loss"]), rel=1e-4)
    info = finished.info()
    assert set(info["data_sha256"]) == {str(corpus)}
    assert info["proteins"]["train"] + info["proteins"]["validation"] == 40
    weights = load_file(finished.trunk / "trunk.safetensors")
    assert all(name.startswith(TRUNK) for name in weights)
    assert sum(w.numel() for w in weights.values()) == info["parameters"]
    assert info["data_sha256"][str(corpus)] in (finished.trunk / "README.md").read_text()
    assert not finished.model.exists()


def test_background_pseudo_perplexity_is_that_of_the_residue_frequencies(finished: Run) -> None:
    # All 20 residues are about equally frequent in this corpus.
    assert finished.info()["background_pseudo_perplexity"] == pytest.approx(20, abs=0.5)


def test_it_learns_a_repetitive_corpus(corpus: Path, tmp_path: Path) -> None:
    options = ["--residues", 120_000, "--interval", 60_000, *SHORT[4:], *ARCHITECTURE]
    more = ["--lr", "0.02", "--lstm", "16"]
    assert command("pretrain", corpus, "-o", tmp_path / "run", *options, *more) == 0
    last = Run(tmp_path / "run").history()[-1]
    assert last["val_pseudo_perplexity"] < 3


def test_same_seed_same_history_other_seed_another(
    finished: Run, corpus: Path, tmp_path: Path
) -> None:
    def rows(seed: int) -> str:
        folder = tmp_path / str(seed)
        options = [*SHORT, *ARCHITECTURE, "--seed", seed, "--deterministic"]
        assert command("pretrain", corpus, "-o", folder, *options) == 0
        return (folder / "history.csv").read_text()

    history = (finished.path / "history.csv").read_text()
    assert rows(0) == history
    assert rows(1) != history


@pytest.mark.slow
def test_killed_and_resumed_run_has_the_history_of_an_uninterrupted_one(
    corpus: Path, tmp_path: Path
) -> None:
    whole, run = Run(tmp_path / "whole"), Run(tmp_path / "killed")
    shared = [str(corpus), *SHORT, *ARCHITECTURE, "--residues", "60000"]
    assert command("pretrain", *shared, "-o", whole.path) == 0
    options = [*shared, "-o", str(run.path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "topo", "pretrain", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("residues"):
            break
    deadline = time.monotonic() + 60
    while not run.resume_file.is_file() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(run.history()) < 20
    assert not run.trunk.exists()
    assert command("pretrain", *options, "--resume") == 0
    assert (run.path / "history.csv").read_text() == (whole.path / "history.csv").read_text()
    ours, theirs = (load_file(r.trunk / "trunk.safetensors") for r in (run, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_finished_run_is_resumed_by_its_folder_alone(finished: Run) -> None:
    before = (finished.path / "history.csv").read_text()
    assert command("pretrain", "-o", finished.path, "--resume") == 0
    assert (finished.path / "history.csv").read_text() == before


TRAIN = [*ARCHITECTURE, "--epochs", "1", "--train-size", "16", "--batch", "16"]
TRAIN += ["--set", "sampling.minimum=1"]


def test_training_begins_with_the_trunk_and_changes_it(finished: Run, tmp_path: Path) -> None:
    from topo.training.initial_weights import initial_weights

    start = load_file(finished.trunk / "trunk.safetensors")
    options = ["--init", finished.path, "--name", "tuned", "-o", tmp_path, "--lr", "1e-9"]
    assert command("train", *TRAIN, *options, "--set", "training.grammar_rate=1") == 0
    run = Run(tmp_path / "tuned")
    still = load_file(run.model / "model.safetensors")
    assert all(torch.allclose(still[name], start[name], atol=1e-6) for name in start)
    assert set(initial_weights(run.config()).weights) == set(start)
    assert run.info()["init"]["data_sha256"] == finished.info()["data_sha256"]
    assert (
        next(iter(finished.info()["data_sha256"].values())) in (run.model / "README.md").read_text()
    )
    options = ["--init", finished.trunk, "--name", "moved", "-o", tmp_path]
    assert command("train", *TRAIN, *options) == 0
    moved = load_file(tmp_path / "moved" / "model" / "model.safetensors")
    assert any(not torch.allclose(moved[name], start[name], atol=1e-4) for name in start)


def test_weights_that_came_from_init_have_a_learning_rate_of_their_own(
    finished: Run, tmp_path: Path
) -> None:
    start = load_file(finished.trunk / "trunk.safetensors")
    options = ["--init", finished.path, "--set", "training.init_rate=1e-9", "--name", "frozen"]
    assert command("train", *TRAIN, *options, "-o", tmp_path) == 0
    config = Run(tmp_path / "frozen").config()
    torch.manual_seed(config.training.seed)
    fresh = Tagger(config.model, config.graph).state_dict()
    tuned = load_file(tmp_path / "frozen" / "model" / "model.safetensors")
    assert all(torch.allclose(tuned[name], start[name], atol=1e-6) for name in start)
    heads = [name for name in fresh if "head." in name]
    assert heads
    assert not any(torch.allclose(tuned[name], fresh[name], atol=1e-6) for name in heads)


def test_dropout_may_differ_from_that_of_pre_training(finished: Run, tmp_path: Path) -> None:
    options = ["--init", finished.path, "--dropout", "0.3", "--name", "other", "-o", tmp_path]
    assert command("train", *TRAIN, *options) == 0


def test_evaluating_on_folds_that_the_corpus_may_know_is_warned_of(
    finished: Run, corpus: Path, table: Path, tmp_path: Path, capsys
) -> None:
    safe = tmp_path / "safe"
    options = ["--exclude-similar", table, "--exclude-folds", "cv0,cv3"]
    assert command("pretrain", corpus, "-o", safe, *SHORT, *ARCHITECTURE, *options) == 0
    assert "left out 3" in capsys.readouterr().err
    assert list(Run(safe).info()["left_out"].values()) == [3]
    data = tmp_path / "set.json"
    entry = {"sequence": "M" * 40, "labels": "I" * 40}
    folds = {f: [{"id": f"{f}{i}", **entry} for i in range(3)] for f in ("cv0", "cv1", "cv3")}
    data.write_text(json.dumps(folds))
    both = ["--data", data, "--val", "cv0", "--test", "cv3", "-o", tmp_path / "runs"]
    for start, warned in ((safe, False), (finished.path, True)):
        small = [*ARCHITECTURE, "--epochs", "1", "--init", start]
        small += ["--set", "sampling.minimum=1"]
        assert command("train", *small, *both) == 0
        assert ("may hold proteins similar to those of cv0, cv3" in capsys.readouterr().err) == (
            warned
        )


def test_a_trunk_is_no_tagger(finished: Run, capsys) -> None:
    fasta = ROOT / "data" / "example" / "proteins.fasta"
    assert command("predict", fasta, "--model", finished.trunk, "-o", "-") == 2
    assert "found a pre-trained trunk, expected a tagger" in capsys.readouterr().err


def test_an_ensemble_starts_no_training(tmp_path: Path, capsys) -> None:
    found = load_checkpoint(bundled("topo-base"))
    members = {name: found.path for name in ("one", "two")}
    save_ensemble(tmp_path / "both", members, found.config, {}, "")
    options = [
        "--config",
        ROOT / "configs" / "experiments" / "topo-base.yaml",
        "--init",
        tmp_path / "both",
    ]
    assert command("train", *options, "-o", tmp_path / "runs") == 2
    assert "is an ensemble, expected a single model" in capsys.readouterr().err


def test_another_architecture_is_refused_by_the_field_that_differs(
    finished: Run, tmp_path: Path, capsys
) -> None:
    options = [*TRAIN, "--lstm", "16", "--init", finished.path, "-o", tmp_path / "runs"]
    assert command("train", *options) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "is of another architecture: found model.recurrent.size 8, expected 16" in error
    assert not (tmp_path / "runs").exists()


ERRORS = [
    (["absent.fasta"], "absent.fasta: no such file"),
    ([], "pretraining.corpus: found none"),
    (["CORPUS", "--exclude-folds", "cv0"], "expected pretraining.exclude_similar with it"),
    (["CORPUS", "--exclude-similar", "TABLE", "--exclude-folds", "cv9"], "unknown fold cv9"),
    (["CORPUS", "--exclude-similar", "absent.tsv"], "absent.tsv: cannot be read"),
    (["CORPUS", "--exclude-similar", "CORPUS"], "expected a column id"),
    (["CORPUS", "--set", "pretraining.residue=3"], "did you mean pretraining.residues?"),
    (["CORPUS", "--set", "pretraining.masked=0.95"], "expected at most 1 together"),
    (["CORPUS", "--interval", "100"], "expected at least two pieces"),
    (["CORPUS", "--set", "training.init=here"], "training.init"),
    (["--resume"], "no run here"),
]


@pytest.mark.parametrize(("options", "message"), ERRORS)
def test_user_error_is_one_line_and_leaves_nothing(
    options: list[str], message: str, corpus: Path, table: Path, tmp_path: Path, capsys
) -> None:
    names = {"CORPUS": str(corpus), "TABLE": str(table)}
    given_options = [names.get(option, option) for option in options]
    assert command("pretrain", *given_options, "-o", tmp_path / "run") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("topo: ")
    assert message in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--epochs=3", "--train=cv0"])
def test_options_of_other_trainings_are_refused(
    option: str, corpus: Path, tmp_path: Path, capsys
) -> None:
    assert command("pretrain", corpus, option, "-o", tmp_path / "run") == 2
    assert f"No such option: {option.partition('=')[0]}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_overwritten_nor_resumed_with_other_options(
    finished: Run, corpus: Path, capsys
) -> None:
    options = [corpus, "-o", finished.path, *SHORT, *ARCHITECTURE]
    assert command("pretrain", *options) == 2
    assert "not empty, expected a new folder, or --resume" in capsys.readouterr().err
    assert command("pretrain", *options, "--seed", 5, "--resume") == 2
    assert "found training.seed 0, expected 5" in capsys.readouterr().err


def test_shipped_configuration_pre_trains_the_trunk_of_the_default_tagger() -> None:
    config, default = load_config(ROOT / "configs" / "pretrain.yaml"), Config()
    pretrained = MaskedResidueModel(config.model, config.graph).trunk.state_dict()
    tagger = Tagger(default.model, default.graph).trunk.state_dict()
    assert {n: t.shape for n, t in pretrained.items()} == {n: t.shape for n, t in tagger.items()}


@pytest.mark.data
def test_table_of_the_real_corpus_names_its_folds(data_dir: Path) -> None:
    from topo.io.similar_folds import read_similar_ids

    similar = read_similar_ids(data_dir / "corpus" / "similar_folds.tsv")
    assert set().union(*similar.values()) == {"cv0", "cv1", "cv3", "cv4"}
    assert all(similar.values())
