"""The verbs of ``topo data``, each in a module of its name."""

from __future__ import annotations

import typer

from topo.cli.data.consensus import consensus
from topo.cli.data.fetch import fetch_set
from topo.cli.data.filter import filter_similar
from topo.cli.data.sample import sample
from topo.cli.data.split import split
from topo.cli.data.stats import stats
from topo.cli.data.structures import structures
from topo.cli.data.transfer import transfer

data_app = typer.Typer(no_args_is_help=True, help="Inspect, download and divide data sets.")
data_app.command("split")(split)
data_app.command("filter")(filter_similar)
data_app.command("transfer")(transfer)
data_app.command("consensus")(consensus)
data_app.command("sample")(sample)
data_app.command("stats")(stats)
data_app.command("fetch")(fetch_set)
data_app.command("structures")(structures)
