"""``topo ensemble``: combination of several models into one checkpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from topo.cli.verbosity import report


def ensemble(
    models: Annotated[list[str], typer.Argument(help="Paths to two or more runs or checkpoints.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Path to the checkpoint to write.")],
    name: Annotated[str, typer.Option(help="Name on the model card.")] = "ensemble",
) -> None:
    """Combine models with the same grammar into one checkpoint that averages their scores.

    The members are copied. Every verb that accepts a model accepts the result.
    """
    from pathlib import Path

    from topo.checkpoint import save_ensemble
    from topo.errors import TopoError
    from topo.inference import load_model
    from topo.model_card import members_card

    if len(models) < 2:
        raise TopoError(f"found {len(models)} model, expected two or more")
    members = {f"member-{i + 1}": load_model(model) for i, model in enumerate(models)}
    if Path(output).exists():
        raise TopoError(f"{output}: is there already, expected a new folder")
    parameters = sum(p.numel() for m in members.values() for p in m.tagger.parameters())
    save_ensemble(
        output,
        {key: member.path for key, member in members.items()},
        next(iter(members.values())).config,
        {"name": name, "members": list(members), "parameters": parameters},
        members_card(name, members, parameters),
    )
    report(f"{output}: {len(members)} members, {parameters:,} weights")
