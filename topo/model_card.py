"""Model cards in Markdown, written from configuration and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from topo.config import Config

if TYPE_CHECKING:
    from topo.checkpoint import Checkpoint


def model_card(config: Config, metrics: Mapping[str, Any]) -> str:
    """Write the model card of a run's best epoch from its configuration and ``run.json``."""
    return "\n".join(
        [
            f"# {metrics['name']}",
            "",
            "Protein membrane topology from sequence: residue labels and protein type.",
            "",
            f"{metrics['parameters']:,} weights; best epoch {metrics['best_epoch'] + 1} of "
            f"{config.training.epochs}; seed {metrics['seed']}. The whole configuration is in",
            "`config.yaml`, the versions it was trained with too.",
            "",
            *_data_part(metrics),
            "## Validation",
            "",
            "Scores of the best epoch on the proteins that picked it, so on the bright side.",
            "",
            *_validation_table(metrics),
            "## Limits",
            "",
            "Trained on plasma-membrane, secretory and outer-membrane topologies. Not covered:",
            "re-entrant helices, lipid anchors, the inner side of organelles (I is the cytosol),",
            "peripheral binding. A wrong orientation is the most common error of a right segment",
            "count. Licence: MIT; the terms of the training data are those of their sources.",
            "",
        ]
    )


def trunk_card(config: Config, metrics: Mapping[str, Any]) -> str:
    """Write the card of a pre-trained trunk from its configuration and ``run.json``."""
    rule = config.pretraining
    return "\n".join(
        [
            f"# {metrics['name']}, pre-trained trunk",
            "",
            "Graph convolutions, chain convolutions and recurrent stack, trained to tell masked",
            "residues from their surroundings; no heads. `topo train --init` begins with it.",
            "",
            f"{metrics['parameters']:,} weights; {metrics['residues_seen']:,} residues of",
            f"{rule.residues:,} shown, in pieces of {rule.crop} at the most; seed "
            f"{metrics['seed']}.",
            f"{rule.chosen:.0%} of the residues chosen, of these {rule.masked:.0%} masked and "
            f"{rule.random:.0%} random.",
            "",
            *_data_part(metrics),
            "## Validation",
            "",
            "On the held-out slice of the corpus, all chosen residues masked; pseudo-perplexity is",
            "exp(mean cross-entropy). Background frequencies alone give "
            f"{metrics['background_pseudo_perplexity']:.4f}.",
            "",
            *_validation_table(metrics),
        ]
    )


def ensemble_card(name: str, members: Sequence[str], cost: str, figures: Mapping[str, str]) -> str:
    """Write the model card of an ensemble of fold models."""
    rows = [f"| {key} | {value} |" for key, value in figures.items()]
    return "\n".join(
        [
            f"# {name}, {len(members)} models",
            "",
            f"An ensemble of the models of a cross-validation ({', '.join(members)}): their",
            "emissions, type scores and grammar scores are averaged, and one topology is decoded.",
            "",
            cost,
            "",
            "## Cross-validation",
            "",
            "Of the single models on the folds that they have not seen. No protein of the set is",
            "left to score the ensemble itself on: each has trained most of its members.",
            "",
            "| figure | mean +- standard deviation over the folds |",
            "|---|---|",
            *rows,
            "",
            "Each folder in `members/` is a checkpoint with a model card of its own, which names",
            "the data and the limits.",
            "",
        ]
    )


def members_card(name: str, members: Mapping[str, Checkpoint], parameters: int) -> str:
    """Write the model card of an ensemble of models that were trained apart."""
    return "\n".join(
        [
            f"# {name}, {len(members)} models",
            "",
            "The members' emissions, type scores and grammar scores are averaged, and one topology",
            f"is decoded. {parameters:,} weights in all.",
            "",
            "## Members",
            "",
            *(
                f"- `members/{key}`: {member.metrics.get('name')}"
                for key, member in members.items()
            ),
            "",
            "Each is a checkpoint with a model card of its own, which names data and limits.",
            "",
        ]
    )


def _data_part(metrics: Mapping[str, Any]) -> list[str]:
    """List files with checksums, numbers of proteins and what was left out."""
    proteins = ", ".join(f"{count} {name}" for name, count in metrics["proteins"].items())
    return [
        "## Data",
        "",
        *(f"- `{name}`: SHA-256 {digest}" for name, digest in metrics["data_sha256"].items()),
        f"- proteins: {proteins}",
        *(f"- {what}: {count}" for what, count in metrics["left_out"].items()),
        *_start(metrics.get("init")),
        "",
    ]


def _start(init: Mapping[str, Any] | None) -> list[str]:
    """List what the weights that a run began with had been trained on."""
    if init is None:
        return []
    return [
        f"- began with the weights of `{init['path']}`, trained on",
        *(f"  - `{name}`: SHA-256 {digest}" for name, digest in init["data_sha256"].items()),
        *(f"  - {what}: {count}" for what, count in init["left_out"].items()),
    ]


def _validation_table(metrics: Mapping[str, Any]) -> list[str]:
    figures = metrics.get("validation", {})
    rows = [f"| {k.removeprefix('val_')} | {v:.4f} |" for k, v in figures.items() if "val_" in k]
    return ["| figure | value |", "|---|---|", *rows, ""]
