"""Folder of structures, indexed by protein id."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from topo.errors import InputError, InputWarning
from topo.io.files import open_text
from topo.io.folder import structure_files
from topo.io.structure.cache import cached_structure
from topo.io.structure.read import structure_id, with_structure
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
    files
        The structure files; by default those of the folder and its subfolders, without hidden ones.

    Raises
    ------
    InputError
        If it is no folder, or its index lacks the column ``id`` or names a missing file.
    """

    def __init__(self, path: str | PathLike[str], files: Sequence[Path] | None = None) -> None:
        self.path = Path(path)
        if not str(path) or not self.path.is_dir():
            raise InputError(path, "expected a folder of structures")
        self._files = structure_files(self.path) if files is None else files
        self._same: dict[str, list[Path]] = {}
        for file in self._files:
            self._same.setdefault(structure_id(file), []).append(file)
        self.places = {name: Place(same[-1], None, {}) for name, same in self._same.items()}
        self._indexed: dict[str, Place] = {}
        for index in (self.path / "index.tsv", self.path.parent / "index.tsv"):
            if index.is_file():
                self._indexed = self._read_index(index)
                self.places |= self._indexed
                break

    def _read_index(self, index: Path) -> dict[str, Place]:
        places = {}
        files = {file.name: file for file in self._files}
        with open_text(index) as stream:
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

    def entries(self) -> Iterator[tuple[str, Place]]:
        """Yield name and location of every structure: those of the index, then other files.

        A file is named by its stem; of several with one stem by its path in the folder, and with
        its suffix where that repeats too.
        """
        yield from self._indexed.items()
        indexed = {place.path for place in self._indexed.values()}
        paths = Counter(self._path_name(file) for file in self._files)
        for file in self._files:
            if file in indexed:
                continue
            name = structure_id(file)
            if len(self._same[name]) > 1:
                name = self._path_name(file)
                if paths[name] > 1:
                    name = "_".join(file.relative_to(self.path).as_posix().split())
            yield name, Place(file, None, {})

    def _path_name(self, file: Path) -> str:
        folder = file.parent.relative_to(self.path).as_posix()
        name = structure_id(file)
        return name if folder == "." else "_".join(f"{folder}/{name}".split())

    def attach(self, proteins: Iterable[Protein], chain: str | None = None) -> Iterator[Protein]:
        """Yield each protein with its structure; those without one are unchanged.

        The index determines the chain, or else ``chain``, or else its fit to the sequence.

        A structure that cannot be used is named in a warning. Folds in the index become
        ``fold`` (where a protein has none) and ``similar_folds``.
        """
        ambiguous: dict[str, list[Path]] = {}
        for protein in proteins:
            place = self.find(protein.id)
            if place is not None and not place.facts:
                same = self._same[structure_id(place.path)]
                if len(same) > 1:
                    ambiguous[protein.id] = same
            yield protein if place is None else _attach(protein, place, chain)
        if ambiguous:
            name, same = next(iter(ambiguous.items()))
            found = f"several structures for {len(ambiguous):,} proteins, the last is taken"
            warnings.warn(
                f"{self.path}: {found}, e.g. for {name}: {', '.join(map(str, same))}",
                InputWarning,
                stacklevel=2,
            )


def _attach(protein: Protein, place: Place, chain: str | None) -> Protein:
    try:
        chain = place.chain or chain
        structure = cached_structure(place.path, chain=chain, sequence=protein.sequence)
    except InputError as error:
        warnings.warn(f"{error}; its coordinates are left out", InputWarning, stacklevel=3)
    else:
        protein = with_structure(protein, structure)
    if protein.fold is None and "fold" in place.facts:
        protein = replace(protein, fold=place.facts["fold"])
    if "similar_folds" in place.facts:
        protein = replace(protein, similar_folds=tuple(place.facts["similar_folds"].split(",")))
    return protein
