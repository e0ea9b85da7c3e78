"""``topo embed``: embeddings of a protein language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import TorchThreads
from topo.cli.progress import residues_progress
from topo.cli.verbosity import note, report


def embed(
    proteins: Annotated[str, typer.Argument(help="FASTA file or another protein file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Path to the HDF5 file of embeddings.")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Name of a language model at Hugging Face (ESM-2, ProtT5, ...), or path to its "
            "folder."
        ),
    ],
    device: Annotated[str, typer.Option(help="Torch device, e.g. cpu or cuda.")] = "cpu",
    window: Annotated[
        int,
        typer.Option(help="Maximum number of residues in one piece; longer proteins overlap."),
    ] = 1022,
    batch_residues: Annotated[
        int, typer.Option(min=1, help="Maximum number of residues per batch.")
    ] = 4096,
    threads: TorchThreads = 0,
) -> None:
    """Write the embeddings of proteins for --features, in float16.

    The keys are MD5 checksums of the sequences, as TMbed writes them. The same command continues
    an interrupted run.
    """
    from topo.embedding.files import write_embeddings
    from topo.embedding.language_model import LanguageModel
    from topo.inference import set_threads
    from topo.io.inputs import Inputs
    from topo.io.streams import keep_standard_input

    set_threads(threads)
    if proteins == "-":
        keep_standard_input()
    inputs = Inputs(proteins)
    residues = sum(map(len, inputs))
    loaded = LanguageModel(model, device, window)
    with residues_progress(residues) as advance:
        before = write_embeddings(inputs, output, loaded, batch_residues, advance)
    if before:
        note(f"topo: {before:,} embeddings were there from before")
    report(output)
