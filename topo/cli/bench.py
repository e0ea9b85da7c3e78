"""``topo bench``: speed of training and prediction on this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topo.cli.options import TorchThreads

if TYPE_CHECKING:
    from rich.table import Table

_QUICK = {"proteins": 48, "batches": 1, "repeats": 1}


def bench(
    json_file: Annotated[
        str | None,
        typer.Option("--json", help="Path to a JSON file of all results; - for standard output."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Path to the proteins to measure with. By default random ones with the lengths of "
            "the DeepTMHMM set."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Path to a checkpoint or run to measure, in place of --gcs, --lstm and --layers. "
            "By default random weights.",
        ),
    ] = None,
    gcs: Annotated[int, typer.Option(help="Number of channels of the graph convolutions.")] = 64,
    lstm: Annotated[int, typer.Option(help="Hidden size of the LSTM per direction.")] = 128,
    layers: Annotated[int, typer.Option(help="Number of LSTM layers.")] = 4,
    batch: Annotated[int, typer.Option(help="Number of proteins per training batch.")] = 32,
    precision: Annotated[
        str, typer.Option(help="Precision of matrix products: auto, 32 or bf16.")
    ] = "auto",
    threads: TorchThreads = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Number of repeated measurements.")] = 3,
    proteins: Annotated[int, typer.Option(min=1, help="Number of proteins to predict.")] = 256,
    batches: Annotated[
        int, typer.Option(min=1, help="Number of training batches per measurement.")
    ] = 4,
    seed: Annotated[int, typer.Option(help="Seed of random proteins and weights.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Measure few proteins once.")] = False,
) -> None:
    """Measure the speed of training and prediction relative to a bare LSTM and matrix products."""
    import json
    import sys

    from rich.console import Console

    from topo.benchmark import BenchmarkSettings, benchmark
    from topo.inference import set_threads
    from topo.io.files import output_text

    settings = BenchmarkSettings(
        gcs, lstm, layers, batch, precision, data, proteins, batches, repeats, seed, model
    )
    set_threads(threads)
    with Console(stderr=True).status("") as status:
        result = benchmark(replace(settings, **_QUICK) if quick else settings, status.update)
    if json_file:
        with output_text(json_file) as file:
            file.write(json.dumps(result, indent=2) + "\n")
    if json_file != "-":
        console = Console(file=sys.stdout)
        for table in bench_tables(result):
            console.print(table)


def bench_tables(result: dict[str, Any]) -> list[Table]:
    """Return the tables of a result of :func:`topo.benchmark.benchmark`."""
    return [_rates(result), _ratios(result), *(_stages(result, name) for name in result["stages"])]


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def _rates(result: dict[str, Any]) -> Table:
    made = result["environment"]
    title = f"{made['cpu']}, {made['threads']} threads, precision {made['precision']}"
    table = _table(title, "", "residues/s", "proteins/s", "padding")
    for name, figures in result["throughput"].items():
        table.add_row(
            name,
            f"{figures['residues_per_second']:,.0f}",
            f"{figures['proteins_per_second']:,.1f}",
            f"{result['padding_waste'][name]:.1%}",
        )
    for name, rate in result["floors"].items():
        if name != "matrix_product":
            table.add_row(f"bare stack, {name.replace('_', ' ')}", f"{rate:,.0f}", "", "")
    table.caption = f"matrix product: {result['floors']['matrix_product'] / 1e9:,.0f} GFLOP/s"
    return table


def _ratios(result: dict[str, Any]) -> Table:
    table = _table("throughput over what is possible", "", "ratio")
    for name, ratio in result["ratios"].items():
        table.add_row(name.replace("_", " "), f"{ratio:.3f}")
    return table


def _stages(result: dict[str, Any], name: str) -> Table:
    table = _table(f"stages of {name}", "stage", "seconds", "share")
    for stage, figures in result["stages"][name].items():
        table.add_row(stage, f"{figures['seconds']:.3f}", f"{figures['share']:.1%}")
    return table
