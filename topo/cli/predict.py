"""``topo predict``: prediction of topologies."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from topo.cli.answers import (
    AlternativeCount,
    ConstraintFile,
    ConstraintFormat,
    ExportMinimum,
    ExportNames,
    ExportPadding,
    Fixed,
)
from topo.cli.feature_options import Features, MissingFeatures
from topo.cli.missing import require
from topo.cli.numeric import NUMERIC_SUFFIXES, predict_numeric
from topo.cli.options import ModelName, TorchThreads
from topo.cli.prediction_options import choose_output, refuse_beside, stream_format
from topo.cli.relatives import RelativesSource
from topo.cli.shard_options import (
    Address,
    Engine,
    PlanOnly,
    ProteinFiles,
    ShardIndex,
    ShardPath,
    ShardResidues,
    only_input,
    predict_shards,
)
from topo.cli.start import uncollected
from topo.errors import InputWarning


def predict(
    context: typer.Context,
    proteins: ProteinFiles = None,
    sequence: Annotated[
        str | None, typer.Option(help="Residues of a single protein, instead of a file.")
    ] = None,
    structures: Annotated[
        str | None,
        typer.Option(help="Path to a folder of PDB or mmCIF files, found by protein id."),
    ] = None,
    chain: Annotated[
        str | None, typer.Option(help="Chain of the structure files. By default the first.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            help="Format of a sequence file: fasta, 3line, pir, partitions, swissprot or labelled "
            "(3-line with labels of another alphabet). By default decided by the content."
        ),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid", help="Leave out faulty records and list them in invalid.tsv."
        ),
    ] = False,
    mask_stops: Annotated[
        bool, typer.Option("--mask-stops", help="Read * and . within a sequence as X.")
    ] = False,
    allow_nucleotides: Annotated[
        bool,
        typer.Option(
            "--allow-nucleotides", help="Read sequences as proteins that look like nucleotides."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Path to the output folder, or - for standard output, which takes one format "
            "of a single text, by default 3line. By default predictions; standard output with "
            "--sequence.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Write JSON lines to standard output: -o - --format jsonl."),
    ] = False,
    model: ModelName = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Output format: 3line, tmrs, gff3, summary, html, deeptmhmm, deeptmhmm2, tmbed0 "
            "to tmbed4, tmhmm, phobius, phobius-long, signalp, jsonl, parquet, segments or "
            "mature. By default the first five. May be repeated.",
        ),
    ] = None,
    probabilities: Annotated[
        str | None,
        typer.Option(
            help="Format of the probabilities per residue: csv, npz or parquet. By default none."
        ),
    ] = None,
    plots: Annotated[
        str,
        typer.Option(
            help="Proteins to plot: none, wrong (those whose input labels differ) or all."
        ),
    ] = "none",
    picture_formats: Annotated[
        list[str] | None,
        typer.Option(
            "--plot-format",
            help="Format of the plots: png, svg or pdf. By default png. May be repeated.",
        ),
    ] = None,
    structure_files: Annotated[
        bool,
        typer.Option(
            "--structure-files",
            help="Write each structure with labels as B-factors, and PyMOL and ChimeraX scripts.",
        ),
    ] = False,
    decoder: Annotated[
        str, typer.Option(help="Decoder: posterior, viterbi or argmax.")
    ] = "posterior",
    precision: Annotated[
        str,
        typer.Option(
            help="Precision of matrix products: 32 (float32), bf16 (bfloat16) or auto (bfloat16 "
            "where the processor has instructions for it)."
        ),
    ] = "auto",
    device: Annotated[
        str, typer.Option(help="Torch device. Several (cuda:0,cuda:1) run a process each.")
    ] = "cpu",
    workers: Annotated[
        int, typer.Option(help="Number of processes per device, with one thread each.", min=1)
    ] = 1,
    threads: TorchThreads = 0,
    batch_residues: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of residues per batch. By default chosen by the free memory.",
            min=1,
        ),
    ] = None,
    longest: Annotated[
        int,
        typer.Option(help="Maximum length of a chain predicted in one piece, in residues.", min=2),
    ] = 100_000,
    constraints: ConstraintFile = None,
    constraints_format: ConstraintFormat = "auto",
    fix: Fixed = None,
    alternatives: AlternativeCount = 0,
    relatives: RelativesSource = None,
    features: Features = None,
    missing_features: MissingFeatures = "refuse",
    export: ExportNames = None,
    export_minimum: ExportMinimum = 1,
    export_padding: ExportPadding = 0,
    labels: Annotated[
        str,
        typer.Option(
            help="Labels to write: six (I O P S M B) or extended (those of the model). They differ "
            "only for models with labels of their own."
        ),
    ] = "extended",
    shards: ShardPath = None,
    shard_residues: ShardResidues = None,
    shard_index: ShardIndex = None,
    plan_only: PlanOnly = False,
    engine: Engine = "processes",
    address: Address = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume the interrupted run in the output folder.")
    ] = False,
) -> None:
    """Predict a topology for every protein, in the order of the file.

    Ctrl-C ends a run with valid files of the proteins done so far. --resume completes it, also
    after a crash; the files are the same as those of an uninterrupted run.
    """
    if shards is not None:
        predict_shards(context)
        return
    if proteins and len(proteins) == 1 and proteins[0].lower().endswith(NUMERIC_SUFFIXES):
        predict_numeric(proteins[0], model, Path(output or "predictions"))
        return
    with uncollected():
        from topo.cli.prediction_run import FolderOutput, PredictionRun, Size, warn_of_faults
        from topo.inference import Settings, load_model, set_threads
        from topo.inference.constrained import Known
        from topo.inference.featured import KnownFeatures
        from topo.io.export import check_exports
        from topo.io.inputs import Inputs, SingleSequence
        from topo.io.output_formats import (
            DEFAULT_FORMATS,
            check_formats,
            check_scheme,
            written_scheme,
        )
        from topo.io.records import RecordPolicy
        from topo.io.streams import keep_standard_input

    check_formats(formats or DEFAULT_FORMATS, probabilities)
    check_exports(export or ())
    if plots != "none":
        require("matplotlib", "--plots")
    if structure_files:
        require("Bio", "--structure-files")
    folder = choose_output(output, as_json, sequence)
    needs_folder = {
        "--probabilities": probabilities,
        "--plots": plots != "none",
        "--structure-files": structure_files,
        "--export": export,
        "--resume": resume,
    }
    form = "" if folder else stream_format(formats, as_json, needs_folder)
    set_threads(threads)
    if sequence is not None:
        of_files = {
            "a file of proteins": proteins,
            "--structures": structures,
            "--chain": chain,
            "--input-format": input_format,
            "--skip-invalid": skip_invalid,
        }
        refuse_beside("--sequence", of_files)
        inputs = SingleSequence(
            sequence, "--sequence", mask_stops=mask_stops, allow_nucleotides=allow_nucleotides
        )
    else:
        source = only_input(context)
        if source == "-":
            keep_standard_input()
        inputs = Inputs(
            source,
            structures,
            chain,
            input_format=input_format,
            policy=RecordPolicy(skip_invalid, mask_stops),
            allow_nucleotides=allow_nucleotides,
            output=folder,
        )
    given = KnownFeatures(features, missing_features)
    inputs = given.over(inputs)
    size = Size.of(inputs)
    warn_of_faults(inputs.faults, folder)
    devices = device.split(",") * workers
    known = Known(constraints, fix or (), constraints_format)
    checkpoint = load_model(model, devices[0])
    given.check(checkpoint)
    if structures is not None and not checkpoint.config.graph.structure:
        warnings.warn(
            "the model reads sequences only, the structures change nothing",
            InputWarning,
            stacklevel=1,
        )
    run = PredictionRun(
        inputs,
        size,
        checkpoint,
        Settings.of(decoder, precision, longest, devices[0], checkpoint, alternatives),
        devices,
        written_scheme(checkpoint.tagger.crf.grammar.scheme, labels),
        known,
        given,
        relatives,
        batch_residues,
    )
    chosen = FolderOutput(
        folder or Path(),
        formats or (),
        probabilities,
        plots,
        picture_formats or ["png"],
        structure_files,
        export or (),
        export_minimum,
        export_padding,
        resume,
    )
    check_scheme(run.scheme, [*chosen.formats_of(run.scheme), *chosen.exports], probabilities)
    run.check()
    if folder is None:
        run.to_standard_output(form)
    else:
        run.to_folder(chosen)
