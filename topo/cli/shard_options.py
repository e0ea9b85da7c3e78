"""Arguments of ``topo predict`` for shards, and the run that they choose."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.errors import TopoError

if TYPE_CHECKING:
    from topo.checkpoint import Checkpoint
    from topo.shards.folder import ShardFolder
    from topo.shards.planning import Request

_PANEL = "Shards"

ProteinFiles = Annotated[
    list[str] | None,
    typer.Argument(
        help="FASTA file (plain, gzip, bzip2 or xz; - for standard input), another protein "
        "file, a PDB or mmCIF file, or a folder of sequence and structure files. Several files "
        "with --shards, or none to continue with shards.",
        show_default=False,
    ),
]
"""Inputs; without shards there is exactly one."""

ShardPath = Annotated[
    Path | None,
    typer.Option(
        "--shards",
        help="Path to a folder of shards, which any number of processes and machines complete "
        "together. --format is parquet (default) or tsv, --probabilities parquet adds those.",
        rich_help_panel=_PANEL,
    ),
]
ShardResidues = Annotated[
    int | None,
    typer.Option(
        help="Number of residues per shard. By default 2,000,000.", min=1, rich_help_panel=_PANEL
    ),
]
ShardIndex = Annotated[
    int | None,
    typer.Option(
        help="Number of the only shard to predict, from 0, for job arrays.",
        min=0,
        rich_help_panel=_PANEL,
    ),
]
PlanOnly = Annotated[
    bool,
    typer.Option(
        "--plan-only",
        help="Write the manifest and the sequences of the shards, and predict nothing.",
        rich_help_panel=_PANEL,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="Engine of the shards: processes (of this machine, --workers of them) or ray.",
        rich_help_panel=_PANEL,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Address of a Ray cluster, auto or ray://HOST:PORT. By default a cluster of this "
        "machine is started.",
        rich_help_panel=_PANEL,
    ),
]

_SHARDS_ONLY = ("shard_residues", "shard_index", "plan_only", "engine", "address")
_REQUEST = (
    *("decoder", "precision", "longest", "batch_residues", "shard_residues"),
    *("input_format", "skip_invalid", "mask_stops", "allow_nucleotides"),
)
_TAKEN = frozenset(
    (
        *_REQUEST,
        *_SHARDS_ONLY,
        *("proteins", "shards", "model", "formats", "probabilities", "device", "workers"),
        "threads",
    )
)
"""Parameters of ``topo predict`` that a run of shards takes."""

ENGINES = ("processes", "ray")


def only_input(context: typer.Context) -> str:
    """Return the input of a run without shards.

    Raises
    ------
    TopoError
        If there is not exactly one, or an option is given that shards only have.
    """
    for name in _given(context):
        if name in _SHARDS_ONLY:
            raise TopoError(f"--{name.replace('_', '-')} needs --shards")
    found: list[str] = context.params["proteins"] or []
    if not found:
        raise TopoError("found no proteins, expected a file of proteins, a folder or --sequence")
    if len(found) > 1:
        raise TopoError(
            f"found {len(found)} inputs, expected one: give a folder that holds the files, join "
            "them (cat a.fasta b.fasta | topo predict - ...), or predict in --shards"
        )
    return found[0]


def predict_shards(context: typer.Context) -> None:
    """Plan the shards if there is no manifest, and complete them with the chosen engine.

    Raises
    ------
    TopoError
        If an option does not apply, differs from that of the manifest, or a shard fails.
    """
    given = _given(context)
    _check(context, given)
    from topo.inference import load_model
    from topo.io.streams import keep_standard_input
    from topo.shards.planning import Request

    options = context.params
    device = options["device"].split(",")[0]
    if "-" in (options["proteins"] or ()):
        keep_standard_input()
    request = Request(
        inputs=options["proteins"] or (),
        format=(options["formats"] or ["parquet"])[0],
        probabilities=options["probabilities"] is not None,
        device=device,
        **{name: options[name] for name in _REQUEST},
    )
    checkpoint = load_model(options["model"], device)
    folder = _opened(options["shards"], request, checkpoint)
    if not options["plan_only"]:
        index = options["shard_index"]
        among = None if index is None else [index]
        _complete(folder, among, checkpoint, options, "workers" in given)
        _show_progress(folder, among)


def _given(context: typer.Context) -> list[str]:
    """List the parameters that the command line sets."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]


def _check(context: typer.Context, given: list[str]) -> None:
    options = context.params
    for name in given:
        if name not in _TAKEN:
            raise TopoError(f"--{name.replace('_', '-')} does not apply to --shards")
    if options["threads"] > 1:
        raise TopoError("found --threads above 1, expected --workers: a shard takes one thread")
    if len(options["formats"] or ()) > 1:
        raise TopoError("found several formats, expected one: a shard has one file")
    if options["probabilities"] not in (None, "parquet"):
        raise TopoError(
            f"found probabilities as {options['probabilities']}, expected parquet with --shards"
        )
    if options["engine"] not in ENGINES:
        raise TopoError(f"found engine {options['engine']!r}, expected one of {', '.join(ENGINES)}")
    if options["address"] is not None and options["engine"] != "ray":
        raise TopoError("--address needs --engine ray")
    if options["engine"] == "ray":
        from topo.shards.ray_engine import check_ray

        check_ray()


def _opened(path: Path, request: Request, checkpoint: Checkpoint) -> ShardFolder:
    """Open the folder if the manifest fits the request; plan it if there is none."""
    from topo.shards.planning import open_or_plan

    return open_or_plan(path, request, checkpoint, _report)


def _complete(
    folder: ShardFolder,
    among: list[int] | None,
    checkpoint: Checkpoint,
    options: dict[str, Any],
    sized: bool,
) -> None:
    from topo.io.claims import Claims
    from topo.shards.prediction import ShardPredictor, work

    devices = options["device"].split(",") * options["workers"]
    predictor = ShardPredictor(folder, checkpoint)
    left = folder.incomplete(among)
    try:
        if not left:
            pass
        elif options["engine"] == "ray":
            from topo.shards.ray_engine import run_ray

            workers = options["workers"] if sized else None
            run_ray(folder, checkpoint.path, among, options["address"], workers, _report)
        elif len(devices) == 1:
            work(predictor, Claims(folder.claims), among, _report)
        else:
            from topo.shards.processes import run_processes

            run_processes(folder, checkpoint.path, devices, among)
    except KeyboardInterrupt:
        done = len(folder) - len(folder.incomplete())
        _report(f"interrupted after {done:,} of {len(folder):,} shards; the same command continues")
        raise typer.Exit(130) from None


def _show_progress(folder: ShardFolder, among: list[int] | None) -> None:
    if among is not None:
        print(folder.output(among[0]))
        return
    print(f"{len(folder):,} of {len(folder):,} shards are complete: {folder.path}")
    print(f"topo shards merge {folder.path} writes one file")


def _report(line: str) -> None:
    print(f"topo: {line}", file=sys.stderr, flush=True)
