"""``topo scan``: effects of the variants of a protein."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topo.cli.options import ModelName, TorchThreads
from topo.cli.prediction_options import STANDARD_OUTPUT
from topo.cli.progress import residues_progress
from topo.cli.verbosity import report
from topo.errors import ConfigError

if TYPE_CHECKING:
    from topo.protein import Protein
    from topo.variants import Variant

_SHOWN = 10
_RESIDUE = re.compile("[0-9]{1,9}")


def scan(
    proteins: Annotated[
        str | None,
        typer.Argument(help="Path to a file of a protein, as for topo predict."),
    ] = None,
    sequence: Annotated[
        str | None, typer.Option(help="Residues of the protein, instead of a file.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--id", help="Id of the protein in a file of several.")
    ] = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="Path to a list of substitutions (p.Leu42Pro or p.L42P, one per line), or to a "
            "table with the columns POS, REF and ALT. By default, and without the options below, "
            "all substitutions."
        ),
    ] = None,
    single: Annotated[
        list[str] | None,
        typer.Option("--variant", help="A substitution, such as p.L42P. May be repeated."),
    ] = None,
    truncate: Annotated[
        list[str] | None,
        typer.Option(help="Residues to keep of a truncated variant: 23-180. May be repeated."),
    ] = None,
    truncation_step: Annotated[
        int | None,
        typer.Option(
            min=1, help="Step in residues of a series of truncations at the start and at the end."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Residues to add before the first one. May be repeated."),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Path to the output folder, or - for the table on standard output.",
        ),
    ] = Path("scan"),
    model: ModelName = None,
    decoder: Annotated[
        str, typer.Option(help="Decoder: posterior, viterbi or argmax.")
    ] = "posterior",
    device: Annotated[str, typer.Option(help="Torch device.")] = "cpu",
    threads: TorchThreads = 0,
) -> None:
    """Predict variants of a protein and rank them by their effect on its topology.

    The variants are substitutions, truncations and N-terminal tags. Output files: scan.tsv, a heat
    map of the substitutions (PNG and SVG) and scan.html.
    """
    from topo.inference import load_model, set_threads
    from topo.report.scan_files import write_scan_files
    from topo.variants import scan as run
    from topo.variants import substitutions
    from topo.variants.table import number, write_scan

    set_threads(threads)
    protein = _protein(proteins, sequence, name)
    if variants or single or truncate or truncation_step or tag:
        found = _chosen(protein, variants, single, truncate, truncation_step, tag)
    else:
        found = list(substitutions(protein))
    checkpoint = load_model(model, device)
    with residues_progress(sum(len(variant.sequence) for variant in found)) as advance:
        result = run(protein, checkpoint, found, decoder=decoder, advance=advance)
    if str(output) == STANDARD_OUTPUT:
        write_scan(result, STANDARD_OUTPUT)
        return
    files = write_scan_files(result, output)
    for effect in result.effects[:_SHOWN]:
        kind = "" if effect.type == result.reference.type else f"  {effect.type}"
        report(f"{effect.variant.name}  {number(effect.score)}{kind}")
    for file in files:
        report(file)


def _protein(proteins: str | None, sequence: str | None, name: str | None) -> Protein:
    """Read the only protein, or that of an id."""
    from topo.io.inputs import Inputs, SingleSequence
    from topo.io.streams import keep_standard_input

    if (proteins is None) == (sequence is None):
        raise ConfigError("expected either a file of a protein or --sequence")
    if sequence is not None:
        return next(iter(SingleSequence(sequence, "--sequence")))
    assert proteins is not None, "checked above"
    if proteins == "-":
        keep_standard_input()
    found = [protein for protein in Inputs(proteins) if name is None or protein.id == name]
    if not found:
        raise ConfigError(f"{proteins}: found no protein {name!r}")
    if len(found) > 1:
        raise ConfigError(
            f"{proteins}: found {len(found)} proteins, expected one; --id chooses one"
        )
    return found[0]


def _chosen(
    protein: Protein,
    variants: str | None,
    single: list[str] | None,
    truncate: list[str] | None,
    truncation_step: int | None,
    tag: list[str] | None,
) -> list[Variant]:
    """Return the variants of the options, in their order."""
    from topo.variants import parse_variant, read_variants, tagged, truncated, truncations

    found = [] if variants is None else read_variants(variants, protein)
    found += [parse_variant(text, protein) for text in single or ()]
    for text in truncate or ():
        first, _, last = text.partition("-")
        if not (_RESIDUE.fullmatch(first) and _RESIDUE.fullmatch(last)):
            raise ConfigError(f"found --truncate {text!r}, expected residues such as 23-180")
        found.append(truncated(protein, int(first), int(last)))
    found += truncations(protein, truncation_step) if truncation_step else ()
    found += [tagged(protein, text) for text in tag or ()]
    return found
