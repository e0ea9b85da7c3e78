"""``topo predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def predict(
    proteins: Annotated[
        str, typer.Argument(help="FASTA (plain, gz, - for standard input) or other protein file")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the results")] = Path(
        "predictions"
    ),
    model: Annotated[
        str | None, typer.Option(help="checkpoint or run folder; none: the bundled topo-base")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="output format; repeat for several (topo formats)"),
    ] = None,
    probabilities: Annotated[
        str | None, typer.Option(help="also write probabilities: csv, npz or parquet")
    ] = None,
    decoder: Annotated[str, typer.Option(help="viterbi, posterior or argmax")] = "viterbi",
    device: Annotated[str, typer.Option(help="torch device")] = "cpu",
    threads: Annotated[int, typer.Option(help="torch threads; 0: as torch finds them")] = 0,
    batch_residues: Annotated[
        int, typer.Option(help="residues a batch, bounds memory", min=1)
    ] = 20_000,
) -> None:
    """Predict topologies: one answer for every protein, in the order of the file."""
    import torch

    from topo.inference import load_model
    from topo.inference import predict as run
    from topo.io import read_proteins
    from topo.io.predictions import DEFAULT_FORMATS, check_formats
    from topo.report.outputs import open_outputs
    from topo.report.progress import Progress

    chosen = formats or list(DEFAULT_FORMATS)
    check_formats(chosen, probabilities)
    if threads:
        torch.set_num_threads(threads)
    checkpoint = load_model(model, device)
    records = read_proteins(proteins)
    with (
        open_outputs(output, chosen, probabilities=probabilities) as outputs,
        Progress(sys.stderr) as progress,
    ):
        for prediction in run(records, checkpoint, decoder=decoder, batch_residues=batch_residues):
            outputs.write(prediction)
            progress.advance(prediction)
