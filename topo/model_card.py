"""Model cards in Markdown, generated from configuration and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from topo.config import Config
from topo.io.markdown import code_markdown, plain_markdown

if TYPE_CHECKING:
    from topo.checkpoint import Checkpoint


_INTENDED_USE = (
    "Intended use: annotation of whole proteomes and choice of experiments, with the written",
    "probabilities; not decisions about patients, and not proteins of the classes under Limits.",
    "",
)


def model_card(config: Config, metrics: Mapping[str, Any]) -> str:
    """Return the model card of the best epoch of a run.

    Parameters
    ----------
    config
        Configuration of the run.
    metrics
        Content of ``run.json`` with the validation metrics of the best epoch.
    """
    return "\n".join(
        [
            f"# {plain_markdown(str(metrics['name']))}",
            "",
            "Protein membrane topology from sequence: residue labels and protein type.",
            "",
            *_INTENDED_USE,
            f"{metrics['parameters']:,} weights; best epoch {metrics['best_epoch'] + 1} of "
            f"{config.training.epochs}; seed {metrics['seed']}. The configuration and the",
            "versions of the training are in `config.yaml`.",
            "",
            *_data_part(metrics),
            "## Validation",
            "",
            "Scores of this model, after calibration, on the validation proteins; optimistic,",
            "because the same proteins selected its epoch and calibrated it.",
            "",
            *_validation_table(metrics),
            "## Limits",
            "",
            "Trained on plasma-membrane, secretory and outer-membrane topologies. Not covered:",
            "re-entrant helices, lipid anchors, the lumen of organelles (I is the cytosol),",
            "peripheral binding. The most common error of predictions with the right number of",
            "segments is a wrong orientation. Licence: MIT; the training data are subject to the",
            "terms of their sources.",
            "",
        ]
    )


def trunk_card(config: Config, metrics: Mapping[str, Any]) -> str:
    """Return the model card of a pre-trained trunk; see :func:`model_card`."""
    rule = config.pretraining
    return "\n".join(
        [
            f"# {plain_markdown(str(metrics['name']))}, pre-trained trunk",
            "",
            "Graph convolutions, chain convolutions and recurrent stack, trained to predict masked",
            "residues from their surroundings; no heads. `topo train --init` starts from it.",
            "",
            f"{metrics['parameters']:,} weights; {metrics['residues_seen']:,} residues of",
            f"{rule.residues:,} used, in pieces of at most {rule.crop}; seed {metrics['seed']}.",
            f"{rule.chosen:.0%} of the residues are targets: {rule.masked:.0%} of them are masked, "
            f"{rule.random:.0%} are replaced by random residues.",
            "",
            *_data_part(metrics),
            "## Validation",
            "",
            "On the held-out part of the corpus, with all targets masked; pseudo-perplexity is",
            "exp(mean cross-entropy). A model that predicts background frequencies has "
            f"{metrics['background_pseudo_perplexity']:.4f}.",
            "",
            *_validation_table(metrics),
        ]
    )


def ensemble_card(name: str, members: Sequence[str], cost: str, figures: Mapping[str, str]) -> str:
    """Return the model card of an ensemble of the models of a cross-validation."""
    names = ", ".join(map(plain_markdown, members))
    rows = [f"| {plain_markdown(key)} | {value} |" for key, value in figures.items()]
    return "\n".join(
        [
            f"# {plain_markdown(name)}, {len(members)} models",
            "",
            f"An ensemble of the models of a cross-validation ({names}): their",
            "emissions, type scores and grammar scores are averaged, and one topology is decoded.",
            "",
            cost,
            "",
            "## Cross-validation",
            "",
            "Scores of the single models on their test folds. The ensemble itself cannot be scored",
            "on these proteins, because each of them trained most of the members.",
            "",
            "| figure | mean +- standard deviation over the folds |",
            "|---|---|",
            *rows,
            "",
            "Each folder in `members/` is a checkpoint whose model card names the data and the",
            "limits.",
            "",
        ]
    )


def members_card(name: str, members: Mapping[str, Checkpoint], parameters: int) -> str:
    """Return the model card of an ensemble of independently trained models."""
    return "\n".join(
        [
            f"# {plain_markdown(name)}, {len(members)} models",
            "",
            "The members' emissions, type scores and grammar scores are averaged, and one topology",
            f"is decoded. {parameters:,} weights in all.",
            "",
            "## Members",
            "",
            *(
                f"- {code_markdown(f'members/{key}')}: {_name(member)}"
                for key, member in members.items()
            ),
            "",
            "Each member is a checkpoint whose model card names the data and the limits.",
            "",
        ]
    )


def _name(member: Checkpoint) -> str:
    return plain_markdown(str(member.metrics.get("name")))


def _data_part(metrics: Mapping[str, Any]) -> list[str]:
    """Return lines with files, checksums, numbers of proteins and excluded proteins."""
    proteins = ", ".join(f"{count} {name}" for name, count in metrics["proteins"].items())
    return [
        "## Data",
        "",
        *_checksums(metrics["data_sha256"]),
        f"- proteins: {proteins}",
        *(f"- {plain_markdown(what)}: {count}" for what, count in metrics["left_out"].items()),
        *_start(metrics.get("init")),
        "",
    ]


def _start(init: Mapping[str, Any] | None) -> list[str]:
    """Return lines with the training data of the initial weights."""
    if init is None:
        return []
    return [
        f"- initial weights from {code_markdown(str(init['path']))}, trained on",
        *(f"  {line}" for line in _checksums(init["data_sha256"])),
        *(f"  - {plain_markdown(what)}: {count}" for what, count in init["left_out"].items()),
    ]


def _checksums(digests: Mapping[str, str | None]) -> list[str]:
    """Return a line for each file; what can be read only once has no checksum."""
    return [
        f"- {code_markdown(name)}: {f'SHA-256 {digest}' if digest else 'no file, read once'}"
        for name, digest in digests.items()
    ]


def _validation_table(metrics: Mapping[str, Any]) -> list[str]:
    figures = metrics.get("validation", {})
    rows = [
        f"| {name.removeprefix('val_')} | {'-' if value is None else f'{value:.4f}'} |"
        for name, value in figures.items()
        if "val_" in name
    ]
    return ["| figure | value |", "|---|---|", *rows, ""]
