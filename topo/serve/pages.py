"""Pages of the site: files of ``topo/serve/page``, filled in."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec

from topo._version import __version__
from topo.io.export import EXPORTS
from topo.io.output_formats import DEFAULT_FORMATS, PREDICTION_FORMATS, PROBABILITY_FORMATS
from topo.labels import DECODERS
from topo.serve.limits import DAY, Limits


def page_text(name: str, texts: Mapping[str, str] | None = None) -> str:
    """Return a file of ``topo/serve/page``.

    Parameters
    ----------
    name
        Name of the file.
    texts
        HTML that replaces each ``{{name}}``.
    """
    page = files("topo.serve").joinpath("page", name).read_text(encoding="utf-8")
    for place, text in (texts or {}).items():
        page = page.replace(f"{{{{{place}}}}}", text)
    return page


def start_page(limits: Limits) -> str:
    """Return the page of the site, with the choices of the options."""
    has_parquet = find_spec("pyarrow") is not None
    formats = [name for name in PREDICTION_FORMATS if has_parquet or name != "parquet"]
    tables = [name for name in PROBABILITY_FORMATS if has_parquet or name != "parquet"]
    days = limits.lifetime / DAY
    texts = {
        "program": f"topo {__version__}",
        "lifetime": f"{days:g} day{'' if days == 1 else 's'}",
        "proteins": f"{limits.proteins:,}",
        "decoders": _choices(DECODERS),
        "probabilities": _choices(tables),
        "formats": _boxes("format", formats, DEFAULT_FORMATS),
        "exports": _boxes("export", EXPORTS, ()),
    }
    return page_text("index.html", texts)


def problem_page(title: str, detail: str) -> str:
    """Return the page of an error.

    Parameters
    ----------
    title
        Name of the status of the answer.
    detail
        What was found and what was expected; may hold what a client has sent.
    """
    return page_text("problem.html", {"title": html.escape(title), "detail": html.escape(detail)})


def _choices(names: Sequence[str]) -> str:
    return "".join(f"<option>{name}</option>" for name in names)


def _boxes(field: str, names: Sequence[str], chosen: Sequence[str]) -> str:
    return "\n".join(
        f'<label><input type="checkbox" name="{field}" value="{name}"'
        f"{' checked' if name in chosen else ''}> {name}</label>"
        for name in names
    )
