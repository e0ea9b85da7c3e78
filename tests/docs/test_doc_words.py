"""Words of all public text: no banned turn, no path outside the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

BANNED = [
    re.compile(line, re.IGNORECASE)
    for line in (Path(__file__).parent / "banned_turns.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".html", ".js", ".css", ".toml", ".sh", ".cff"}


def _room(path: Path) -> str:
    """Return the folder whose words are checked together: a room of topo, or a top folder."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2] if parts[0] == "topo" and len(parts) > 2 else parts[:1])


def _public_files() -> Iterator[Path]:
    for name in ("topo", "docs", "configs", "checkpoints", "data"):
        yield from (ROOT / name).rglob("*")
    yield from ROOT.glob("*.*")


def _rooms() -> dict[str, list[Path]]:
    """Return the files of each room; other people's code and saved configurations are left out."""
    rooms: dict[str, list[Path]] = {}
    for path in sorted(_public_files()):
        skipped = {"__pycache__", "bundled"} & set(path.parts) or "3dmol" in path.name.lower()
        skipped = skipped or (path.name == "config.yaml" and "checkpoints" in path.parts)
        if path.is_file() and path.suffix in SUFFIXES and not skipped:
            room = _room(path)
            top = "topo" if room.startswith("topo/") and room.endswith(".py") else room
            rooms.setdefault(top if (ROOT / top).is_dir() else ".", []).append(path)
    return rooms


ROOMS = _rooms()


@pytest.mark.parametrize("room", ROOMS)
def test_no_banned_turn(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {turn.pattern}"
        for path in ROOMS[room]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for turn in BANNED
        if turn.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "docs", "CONTRIBUTING.md", "data"])
def test_no_path_outside_the_repository(name: str) -> None:
    place = ROOT / name
    files = [place] if place.is_file() else [p for p in ROOMS[name] if p.suffix == ".md"]
    found = [p for p in files if re.search(r"\.\./(shared|data/topology)", p.read_text())]
    assert not found


def test_readme_is_short_and_its_links_exist() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert links
    assert not missing


def test_readme_keeps_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    start = "python3 -m venv .venv && .venv/bin/pip install -q "
    assert (
        f"{start}. && .venv/bin/topo predict data/example/proteins.fasta -o predictions\n" in text
    )
    assert f'{start}-e ".[dev]" && .venv/bin/pytest -q\n' in text


def test_citation_names_this_version() -> None:
    import yaml

    from topo import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_images_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()}
    assert sizes
    assert max(sizes.values()) < 300_000
