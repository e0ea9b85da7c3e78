"""The template that the predictions, evaluation and comparison pages have in common."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib.resources import files

from topo._version import __version__


def asset(name: str) -> str:
    """Return the text of a file in ``topo/report/page``."""
    return files("topo.report").joinpath("page", name).read_text(encoding="utf-8")


def fill_page(
    title: str,
    body: str,
    style: str = "",
    scripts: Sequence[str] = (),
    *,
    inline_styles: bool = False,
    **fields: str,
) -> str:
    """Return a page with the common head, style and content-security policy.

    The policy lets the page load nothing, and run and apply only the given scripts and style, which
    it names by their hashes.

    Parameters
    ----------
    title
        Title of the page.
    body
        HTML of the body. ``{{title}}``, ``{{program}}`` and ``{{scripts}}`` are replaced in it.
    style
        CSS rules that are added to the common ones.
    scripts
        JavaScript texts for ``{{scripts}}``.
    inline_styles
        Whether elements of the page have style attributes, as drawings of matplotlib do.
    **fields
        Further texts, each of which replaces ``{{NAME}}`` in the body.
    """
    style = f"\n{asset('style.css')}{style}\n"
    texts = [f"\n{script}\n" for script in scripts]
    known = {
        "policy": _policy(style, texts, inline_styles),
        "title": html.escape(title),
        "program": f"topo {__version__}",
        "style": style,
        **fields,
        "scripts": "\n".join(f"<script>{text}</script>" for text in texts),
    }
    text = asset("page.html").replace("{{body}}", body)
    for name, value in known.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _policy(style: str, scripts: Sequence[str], inline_styles: bool) -> str:
    """Return a content-security policy that allows one style and some scripts."""
    styles = "'unsafe-inline'" if inline_styles else _hash(style)
    parts = ["default-src 'none'", f"style-src {styles}", "img-src data: blob:"]
    if scripts:
        parts.append(f"script-src {' '.join(map(_hash, scripts))}")
    return "; ".join(parts)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def static_page(title: str, source: str, content: str, style: str = "") -> str:
    """Return a page without scripts.

    Parameters
    ----------
    title
        Title of the page.
    source
        One line that names the data of the page.
    content
        HTML of the sections.
    style
        Further CSS rules.
    """
    body = (
        '<header>\n<h1>{{title}}</h1>\n<p class="quiet">{{program}}. {{source}}</p>\n</header>\n'
        "<main>\n{{content}}</main>"
    )
    return fill_page(
        title,
        body,
        style=asset("static.css") + style,
        inline_styles=True,
        source=html.escape(source),
        content=content,
    )


def section(title: str, *parts: str) -> str:
    """Return a section whose parts are placed beside each other if there is room."""
    return (
        f"<section>\n<h2>{html.escape(title)}</h2>\n"
        f'<div class="beside">\n{"".join(parts)}</div>\n</section>\n'
    )


def figure(svg: str, *, wide: bool = False) -> str:
    """Return an SVG drawing as a figure, without XML declaration and document type.

    A wide figure keeps its letters legible on a narrow screen, where it scrolls sideways.
    """
    style = ' class="scroll wide"' if wide else ""
    return f"<figure{style}>{svg[svg.index('<svg') :]}</figure>\n"
