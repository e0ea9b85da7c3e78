"""Folder of structures, indexed by protein id."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from topo.errors import InputError, InputWarning
from topo.io.formats import has_suffix
from topo.io.structure.cache import cached_structure
from topo.io.structure.read import SUFFIXES, structure_id, with_structure
from topo.protein import Protein


class Place(NamedTuple):
    """Location of a protein's structure."""

    path: Path
    chain: str | None
    facts: dict[str, str]  # the row of index.tsv


class StructureFolder:
    """Structures by id: by ``index.tsv`` in the folder, and by their file names.

    Parameters
    ----------
    path
        Path to the folder. An ``index.tsv`` in it or beside it has a column ``id`` and may have
        ``file``, ``chain``, ``fold`` and ``similar_folds`` (``-``: none); other files go by their
        names, an AlphaFold database file by its accession.

    Raises
    ------
    InputError
        If it is no folder, or its index lacks the column ``id`` or names a missing file.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(path, "expected a folder of structures")
        self.places = {structure_id(file): Place(file, None, {}) for file in self._files()}
        for index in (self.path / "index.tsv", self.path.parent / "index.tsv"):
            if index.is_file():
                try:
                    self.places |= self._read_index(index)
                except (UnicodeDecodeError, csv.Error):
                    raise InputError(index, "expected a table of tab-separated text") from None
                except OSError as error:
                    raise InputError(index, f"cannot be read ({error.strerror})") from None
                break

    def _files(self) -> list[Path]:
        return sorted(
            f for f in self.path.rglob("*") if has_suffix(f.name, SUFFIXES) and f.is_file()
        )

    def _read_index(self, index: Path) -> dict[str, Place]:
        places = {}
        files = {file.name: file for file in self._files()}
        with open(index, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            if "id" not in (reader.fieldnames or ()):
                raise InputError(index, "expected a column id", line=1)
            for row in reader:
                row = {k: v for k, v in row.items() if k and v and v != "-"}
                name = row.get("id", "")
                known = files.get(row.get("file", "")) or getattr(
                    self.places.get(name), "path", None
                )
                if known is None and index.parent == self.path:
                    raise InputError(index, f"found no file for {name}", line=reader.line_num)
                if known is not None:
                    places[name] = Place(known, row.get("chain"), row)
        return places

    def __len__(self) -> int:
        return len(self.places)

    def find(self, identifier: str) -> Place | None:
        """Return the location of a protein's structure, by its id or a part between pipes."""
        for name in (identifier, *identifier.split("|")):
            if place := self.places.get(name):
                return place
        return None

    def attach(self, proteins: Iterable[Protein]) -> Iterator[Protein]:
        """Yield each protein with its structure; those without one are unchanged.

        A structure that cannot be used is named in a warning. Folds in the index become
        ``fold`` (where a protein has none) and ``similar_folds``.
        """
        for protein in proteins:
            place = self.find(protein.id)
            yield protein if place is None else _attach(protein, place)


def _attach(protein: Protein, place: Place) -> Protein:
    try:
        structure = cached_structure(place.path, chain=place.chain, sequence=protein.sequence)
    except InputError as error:
        warnings.warn(f"{error}; its coordinates are left out", InputWarning, stacklevel=3)
    else:
        protein = with_structure(protein, structure)
    if protein.fold is None and "fold" in place.facts:
        protein = replace(protein, fold=place.facts["fold"])
    if "similar_folds" in place.facts:
        protein = replace(protein, similar_folds=tuple(place.facts["similar_folds"].split(",")))
    return protein
