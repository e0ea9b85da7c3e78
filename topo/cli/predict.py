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
from topo.cli.prediction_run import (
    Results,
    Size,
    choose_output,
    quietly,
    refuse_beside,
    stream_format,
)
from topo.cli.progress import residues_progress
from topo.cli.relatives import RelativesSource, made_with, relatives_of
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
from topo.cli.verbosity import detail, is_quiet, note, report
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
        from rich import print as show

        from topo.inference import PredictionStream, Settings, describe, load_model, set_threads
        from topo.inference.constrained import Known, extra_columns
        from topo.inference.featured import KnownFeatures
        from topo.inference.resume import open_store
        from topo.io.export import check_exports, open_exports
        from topo.io.inputs import Inputs, SingleSequence
        from topo.io.invalid import invalid_message, write_invalid
        from topo.io.output_formats import (
            DEFAULT_FORMATS,
            check_formats,
            check_scheme,
            default_formats,
            written_scheme,
        )
        from topo.io.records import RecordPolicy
        from topo.io.streams import keep_standard_input
        from topo.io.writers import INVALID_FILE, in_six, open_text_writer
        from topo.report.left_over import LeftOver
        from topo.report.outputs import open_outputs
        from topo.report.summary_table import summary_table

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
    if inputs.faults:
        table = None if folder is None else folder / INVALID_FILE
        warnings.warn(invalid_message(inputs.faults, table), InputWarning, 1)
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
    settings = Settings.of(decoder, precision, longest, devices[0], checkpoint, alternatives)
    detail(f"{size.proteins:,} proteins, {size.residues:,} residues")
    detail(f"decoder {settings.decoder}, precision {settings.precision}, {len(devices)} processes")
    grammar = checkpoint.tagger.crf.grammar
    scheme = written_scheme(grammar.scheme, labels)
    chosen = formats or default_formats(scheme)
    check_scheme(scheme, [*chosen, *(export or ())], probabilities)
    if known:
        known.check(quietly(inputs), grammar)
    records = quietly(known.attach(inputs, grammar))
    extras = extra_columns(known, alternatives, relatives is not None)
    if folder is None:
        check_scheme(scheme, [form])
        results = Results(None, scheme)
        with (
            relatives_of(relatives, quietly(inputs), checkpoint, settings) as family,
            open_text_writer("-", form, extras=extras, scheme=scheme) as outputs,
            residues_progress(size.residues) as advance,
        ):
            pairs, bank = (family.attach(records), family.bank) if family else (records, None)
            stream = PredictionStream(
                pairs, checkpoint, settings, batch_residues, devices, None, advance, bank
            )
            interrupted = results.write_all(stream, outputs)
        if interrupted:
            note(f"topo: interrupted after {results.written:,} of {size.proteins:,} proteins")
            raise typer.Exit(130)
        return
    made_by = describe(checkpoint, settings, devices[0]) | made_with(relatives)
    results = Results(folder / "structures" if structure_files else None, scheme)
    with (
        relatives_of(relatives, quietly(inputs), checkpoint, settings) as family,
        open_store(folder, made_by, batch_residues, resume) as store,
    ):
        left_over = LeftOver(folder)
        with (
            open_outputs(
                folder,
                chosen,
                probabilities=probabilities,
                timestamp=store.header["started"],
                plots=plots,
                picture_formats=picture_formats or ["png"],
                is_wrong=results.is_wrong,
                extras=extras,
                scheme=scheme,
            ) as outputs,
            open_exports(folder, export or (), export_minimum, export_padding) as exports,
            residues_progress(size.residues) as advance,
        ):
            if export:
                outputs.add(in_six(exports.write), *exports.files)
            budget = store.header["batch_residues"]
            pairs = family.attach(records) if family else records
            bank = family.bank if family else None
            stream = PredictionStream(
                pairs, checkpoint, settings, budget, devices, store, advance, bank
            )
            interrupted = results.write_all(stream, outputs)
            if interrupted and not results.written:
                raise KeyboardInterrupt
        write_invalid(folder / INVALID_FILE, inputs.faults)
        unfeatured = given.write_missing(folder)
        if message := left_over.message():
            warnings.warn(message, InputWarning, 1)
        if not is_quiet():
            show(summary_table(results.counts, scheme))
        for file in outputs.files:
            report(folder / file)
        if inputs.faults:
            report(folder / INVALID_FILE)
        if unfeatured:
            report(unfeatured)
        if stream.reused:
            note(f"topo: {stream.reused:,} answers were there from before")
        if interrupted:
            done = f"{results.written:,} of {size.proteins:,} proteins"
            note(f"topo: interrupted after {done}; --resume goes on")
            raise typer.Exit(130)
