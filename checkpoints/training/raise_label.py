"""Write a checkpoint in which segments of one label have a higher score.

    python checkpoints/training/raise_label.py MODEL LETTER NATS OUT

NATS is added to the score of every transition into a state of the label, which a topology gains
for each such segment. MODEL is a single checkpoint or run, OUT the new folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from topo.checkpoint import save_checkpoint
from topo.errors import ConfigError
from topo.inference import load_model
from topo.nn.tagger import Tagger


def main() -> None:
    """Read the model and write the other one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("letter")
    parser.add_argument("nats", type=float)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    found = load_model(options.model)
    if not isinstance(found.tagger, Tagger):
        raise ConfigError(f"{options.model}: found an ensemble, expected a single model")
    raise_label(found.tagger, options.letter, options.nats)
    metrics = {**found.metrics, "raised": {options.letter: options.nats}}
    card = (found.path / "README.md").read_text(encoding="utf-8")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(options.out, found.tagger, found.config, metrics, card)


def raise_label(tagger: Tagger, letter: str, nats: float) -> None:
    """Add a number to the score of the transitions into the states of a label."""
    grammar = tagger.crf.grammar
    into = [k for k, (_, b) in enumerate(grammar.arcs) if grammar.states[b].letter == letter]
    if not into:
        raise ConfigError(f"found label {letter!r}, expected one that a state may lead to")
    tagger.crf.transition.data[into] += nats


if __name__ == "__main__":
    main()
