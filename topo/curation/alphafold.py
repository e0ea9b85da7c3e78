"""Download of predicted structures from the AlphaFold database by UniProt accession.

The database returns the address of the file of an accession. The file is downloaded, parsed and
compared with the sequence in the database before it is moved to the folder. ``index.tsv`` in the
folder lists the files with their SHA-256, so that a further call downloads only missing or damaged
files.
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

from topo._version import __version__
from topo.errors import InputError, TopoError
from topo.io.files import atomic_path, atomic_text, open_text
from topo.io.ids import FileNames
from topo.io.structure import read_structure

API = "https://alphafold.ebi.ac.uk/api/prediction"
"""Address of the database, which an accession follows (``API/P00533``)."""

COLUMNS = ("id", "file", "sha256", "url")

_ACCESSION = re.compile(
    r"(?:[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2})(?:-[0-9]+)?"
)
_AGENT = {"User-Agent": f"topo/{__version__}"}
_TIMEOUT = 60
_TRIES = 4
_LONGEST_WAIT = 60.0
_BUSY = (429, 500, 502, 503, 504)


class Fetched(NamedTuple):
    """Result of the download of an accession."""

    accession: str
    status: Literal["fetched", "kept", "no model"]
    path: Path | None


def read_accessions(arguments: Iterable[str]) -> list[str]:
    """Collect UniProt accessions, each once, in order.

    Parameters
    ----------
    arguments
        Accessions, or paths to files of accessions: one per line, or FASTA with the accession as
        id or between pipes.

    Raises
    ------
    TopoError
        If an argument is neither.
    """
    found: dict[str, None] = {}
    for argument in arguments:
        if Path(argument).is_file():
            found.update(dict.fromkeys(_from_file(argument)))
        elif _ACCESSION.fullmatch(argument.upper()):
            found[argument.upper()] = None
        else:
            raise TopoError(f"found {argument!r}, expected a UniProt accession or a file of them")
    return list(found)


def fetch_structures(
    accessions: Iterable[str],
    directory: str | PathLike[str],
    *,
    form: Literal["cif", "pdb"] = "cif",
    api: str = API,
    pause: float = 0.1,
) -> Iterator[Fetched]:
    """Download the models of accessions one by one, except existing files.

    Parameters
    ----------
    accessions
        UniProt accessions.
    directory
        Path to the output folder, created if missing, which
        :class:`topo.io.structure.StructureFolder` reads.
    form
        Format of the files.
    api
        Address of the prediction service.
    pause
        Seconds between two downloads.

    Yields
    ------
    Fetched
        Result of each accession; one without a model has no path.

    Raises
    ------
    TopoError
        If the server fails or sends damaged files several times. Earlier files are kept.
    """
    folder = Path(directory)
    known = _read_index(folder)
    for accession in accessions:
        row = known.get(accession)
        if row and row["file"].endswith(form) and _is_whole(folder / row["file"], row["sha256"]):
            yield Fetched(accession, "kept", folder / row["file"])
            continue
        entry = _ask(f"{api.rstrip('/')}/{accession}", accession)
        if entry is None:
            yield Fetched(accession, "no model", None)
            continue
        row = _download(entry, accession, folder, form)
        known[accession] = row
        _append(folder, row)
        yield Fetched(accession, "fetched", folder / row["file"])
        time.sleep(pause)


def _from_file(path: str) -> Iterator[str]:
    with open_text(path) as stream:
        lines = [line.strip() for line in stream if line.strip() and line[0] != "#"]
    fasta = any(line.startswith(">") for line in lines)
    for line in lines:
        if fasta and not line.startswith(">"):
            continue
        word = (line.removeprefix(">").split() or [""])[0].upper()
        names = [name for name in word.split("|") if _ACCESSION.fullmatch(name)]
        if not names:
            raise InputError(path, f"found {word!r}, expected a UniProt accession")
        yield names[0]


def _read_index(folder: Path) -> dict[str, dict[str, str]]:
    index = folder / "index.tsv"
    if not index.is_file():
        return {}
    try:
        with open(index, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise InputError(index, f"cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(index, "expected a table of tab-separated text") from None
    return {row["id"]: row for row in rows if None not in row.values() and {*COLUMNS} <= {*row}}


def _append(folder: Path, row: dict[str, str]) -> None:
    """Add a row to the index immediately, so that a killed run loses no file."""
    index = folder / "index.tsv"
    if not index.is_file():
        with atomic_text(index) as file:
            file.write("\t".join(COLUMNS) + "\n")
    with open(index, "a", encoding="utf-8", newline="") as file:
        file.write("\t".join(row[name] for name in COLUMNS) + "\n")


def _is_whole(path: Path, sha256: str) -> bool:
    import pooch

    return path.is_file() and pooch.file_hash(str(path)) == sha256


def _ask(url: str, accession: str) -> dict[str, Any] | None:
    """Return the entry of an accession; None where the database has no model."""
    import requests

    for attempt in range(_TRIES):
        try:
            answer = requests.get(url, headers=_AGENT, timeout=_TIMEOUT)
        except requests.ConnectionError:
            raise TopoError(f"{url}: cannot be fetched (no connection to the server)") from None
        except requests.RequestException as error:
            raise TopoError(f"{url}: cannot be fetched ({_reason(error)})") from None
        if answer.status_code == 404:
            return None
        if answer.status_code not in _BUSY:
            break
        if attempt < _TRIES - 1:
            _wait(attempt, answer.headers.get("Retry-After", ""))
    if not answer.ok:
        raise TopoError(f"{url}: cannot be fetched (status {answer.status_code})")
    try:
        entries = [entry for entry in answer.json() if isinstance(entry, dict)]
    except (ValueError, TypeError):
        raise TopoError(f"{url}: found no JSON list, is this the prediction service?") from None
    own = [entry for entry in entries if entry.get("uniprotAccession") == accession]
    return (own or entries or [None])[0]


def _download(entry: dict[str, Any], accession: str, folder: Path, form: str) -> dict[str, str]:
    """Download a model, check it and move it to the folder; return its row of the index."""
    import pooch

    url = str(entry.get(f"{form}Url") or "")
    if not url:
        raise TopoError(f"{accession}: the database names no {form} file")
    target = folder / f"{accession}.{form}"
    problem = ""
    for attempt in range(_TRIES):
        with tempfile.TemporaryDirectory() as temporary:
            try:
                path = _retrieve(url, temporary)
                _check(path, entry)
            except InputError as error:
                problem = str(error).replace(f"{temporary}/", "")
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                problem = _reason(error)
                if "404" in problem or "410" in problem:
                    break
            else:
                with atomic_path(target) as place:
                    shutil.copyfile(path, place)
                digest = pooch.file_hash(str(target))
                return dict(zip(COLUMNS, (accession, target.name, digest, url), strict=True))
        if attempt < _TRIES - 1:
            _wait(attempt)
    raise TopoError(f"{url}: cannot be fetched ({problem}); what came before is kept")


def _retrieve(url: str, folder: str) -> str:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would name a temporary file
    # Any: pooch's own downloader does not match the protocol that retrieve declares.
    downloader: Any = pooch.HTTPDownloader(timeout=_TIMEOUT, headers=_AGENT)
    name = FileNames().name(url.rpartition("/")[2])
    return pooch.retrieve(url, known_hash=None, fname=name, path=folder, downloader=downloader)


def _check(path: str, entry: dict[str, Any]) -> None:
    """Compare a download with the sequence in the database."""
    protein = read_structure(path)
    expected = entry.get("sequence") or entry.get("uniprotSequence")
    if expected and protein.sequence != expected:
        raise InputError(path, f"found {len(protein)} residues, expected {len(expected)}")
    covered = protein.structure.covered if protein.structure else 0.0
    if covered < 1:
        raise InputError(path, f"found coordinates of {covered:.0%} of the residues, expected all")


def _wait(attempt: int, wish: str = "") -> None:
    """Wait as long as the server requests, or twice as long after each attempt."""
    seconds = float(wish) if wish.isdigit() else 0.5 * 2**attempt
    time.sleep(min(seconds, _LONGEST_WAIT))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
