"""The template that the predictions, evaluation and comparison pages have in common."""

from __future__ import annotations

import html
from importlib.resources import files

from topo._version import __version__


def asset(name: str) -> str:
    """Return the text of a file in ``topo/report/page``."""
    return files("topo.report").joinpath("page", name).read_text(encoding="utf-8")


def fill_page(title: str, body: str, style: str = "", **fields: str) -> str:
    """Return a page with the common head and style.

    Parameters
    ----------
    title
        Title of the page.
    body
        HTML of the body. ``{{title}}`` and ``{{program}}`` are replaced in it.
    style
        CSS rules that are added to the common ones.
    **fields
        Further texts, each of which replaces ``{{NAME}}`` in the body.
    """
    text = asset("page.html").replace("{{body}}", body)
    program = f"topo {__version__}"
    known = {"title": html.escape(title), "program": program, "style": asset("style.css") + style}
    for name, value in (known | fields).items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def static_page(title: str, source: str, content: str) -> str:
    """Return a page without scripts.

    Parameters
    ----------
    title
        Title of the page.
    source
        One line that names the data of the page.
    content
        HTML of the sections.
    """
    body = (
        '<header>\n<h1>{{title}}</h1>\n<p class="quiet">{{program}}. {{source}}</p>\n</header>\n'
        "<main>\n{{content}}</main>"
    )
    return fill_page(
        title, body, style=asset("static.css"), source=html.escape(source), content=content
    )


def section(title: str, *parts: str) -> str:
    """Return a section whose parts are placed beside each other if there is room."""
    return (
        f"<section>\n<h2>{html.escape(title)}</h2>\n"
        f'<div class="beside">\n{"".join(parts)}</div>\n</section>\n'
    )


def figure(svg: str) -> str:
    """Return an SVG drawing as a figure, without XML declaration and document type."""
    return f"<figure>{svg[svg.index('<svg') :]}</figure>\n"
