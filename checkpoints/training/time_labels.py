"""Processor time of a model with extended labels over that of the six-letter model it starts from.

    python checkpoints/training/time_labels.py MODEL GRAMMAR [--proteins 48] [--rounds 5]

MODEL is a single six-letter checkpoint or its name. Both models, with the same trunk, predict the
same proteins of the bundled example and compute the loss and its gradient for them, in turns. The
ratio is that of the smallest times; one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import torch

from topo.checkpoint import build_tagger
from topo.config import Config
from topo.graph import ResidueGraph, collate, residue_graph
from topo.inference import load_model
from topo.io import read_labelled
from topo.nn.tagger import Tagger
from topo.protein import Protein
from topo.resources import bundled
from topo.training.scheme_weights import fitted_weights

BATCH = 16


def main() -> None:
    """Print a table of the times and their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("grammar")
    parser.add_argument("--proteins", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = load_model(options.model)
    assert isinstance(start.tagger, Tagger), "expected a single model"
    heads = start.config.model.heads.model_copy(update={"grammar": options.grammar})
    model = start.config.model.model_copy(update={"heads": heads})
    config = start.config.model_copy(update={"model": model})
    other = build_tagger(config)
    other.load_state_dict(fitted_weights(start.tagger, other))
    proteins = list(read_labelled(bundled("example") / "example.partitions.json"))
    proteins = sorted(proteins[: options.proteins], key=len)
    print("| | six labels, s | extended labels, s | ratio |\n|---|---|---|---|")
    for name, work in (("prediction", predict), ("training", train)):
        times = interleaved(work, (start.tagger, other), proteins, start.config, options.rounds)
        print(f"| {name} | {times[0]:.2f} | {times[1]:.2f} | {times[1] / times[0]:.2f} |")


def interleaved(
    work: Callable[[Tagger, Sequence[Protein], Config], None],
    taggers: Sequence[Tagger],
    proteins: Sequence[Protein],
    config: Config,
    rounds: int,
) -> list[float]:
    """Return the smallest processor time of some work by each tagger, in turns, in seconds."""
    found: list[list[float]] = [[] for _ in taggers]
    for turn in range(rounds + 1):
        for times, tagger in zip(found, taggers, strict=True):
            before = time.process_time()
            work(tagger, proteins, config)
            if turn:  # the first one compiles
                times.append(time.process_time() - before)
    return [min(times) for times in found]


def batches(
    tagger: Tagger, proteins: Sequence[Protein], config: Config
) -> list[tuple[Sequence[Protein], ResidueGraph]]:
    """Return the proteins in batches, and their graphs with labels in the tagger's scheme."""
    scheme, found = tagger.crf.grammar.scheme, []
    for first in range(0, len(proteins), BATCH):
        part = proteins[first : first + BATCH]
        types = [True] * len(scheme.types)
        graphs = [residue_graph(p, config.graph, types=types, scheme=scheme) for p in part]
        found.append((part, collate(graphs)))
    return found


@torch.no_grad()
def predict(tagger: Tagger, proteins: Sequence[Protein], config: Config) -> None:
    """Predict the proteins in batches."""
    tagger.eval()
    for part, graph in batches(tagger, proteins, config):
        tagger.predictions(part, tagger(graph))


def train(tagger: Tagger, proteins: Sequence[Protein], config: Config) -> None:
    """Compute the losses of the proteins and their gradients in batches."""
    tagger.train()
    for _, graph in batches(tagger, proteins, config):
        torch.stack(list(tagger.losses(tagger(graph), graph).values())).sum().backward()
        tagger.zero_grad()


if __name__ == "__main__":
    main()
