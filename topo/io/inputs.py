"""Inputs of a prediction: sequence files, structure files, and folders of both."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from topo.errors import InputError, InputWarning, RecordError, TopoError
from topo.io.files import source_name
from topo.io.folder import FolderFiles, list_folder
from topo.io.nucleotides import refuse_nucleotides
from topo.io.readers import read_proteins
from topo.io.records import Fault, RecordPolicy, clean_sequence
from topo.io.structure import Place, StructureFolder, cached_structure, is_structure_file
from topo.protein import Protein

_CHAINS_SHOWN = 5


def read_inputs(
    path: str | PathLike[str],
    structures: str | PathLike[str] | None = None,
    chain: str | None = None,
) -> Iterator[Protein]:
    """Read proteins, with coordinates where available; see :class:`Inputs`."""
    yield from Inputs(path, structures, chain)


class SingleSequence:
    """The only protein of an input that is a text, named ``sequence``; can be iterated again.

    Parameters
    ----------
    text
        Residues.
    source
        Name of the text in messages.
    mask_stops
        Whether ``*`` and ``.`` within the sequence are read as ``X``.
    allow_nucleotides
        Whether nucleotides are read as a protein.

    Raises
    ------
    InputError
        If the text is no sequence of a protein.
    """

    faults: Sequence[Fault] = ()

    def __init__(
        self, text: str, source: str, *, mask_stops: bool = False, allow_nucleotides: bool = False
    ) -> None:
        name = "sequence"
        sequence = clean_sequence(text, source, None, name, mask_stops=mask_stops)
        self._protein = Protein(name, sequence)
        if not allow_nucleotides:
            list(refuse_nucleotides([self._protein], source))

    def __iter__(self) -> Iterator[Protein]:
        yield self._protein


class Inputs:
    """Proteins of an input, with coordinates where available; can be iterated several times.

    A folder is listed once. A file of it that cannot be read is left out, and one warning names all
    such files; faulty records are treated by ``policy`` as elsewhere.

    Parameters
    ----------
    path
        Path to a file that :func:`topo.io.read_proteins` reads; a PDB or mmCIF file; or a folder of
        sequence files (by their suffix) and structure files, also in subfolders. In a folder a
        structure belongs to the sequence with its id; without one it is a protein by itself, named
        by its path where file names repeat.
    structures
        Path to a folder of structures, assigned to the proteins of a sequence file by id.
    chain
        Name of the chain of structure files; None takes the first. A warning names the files with
        further chains.
    input_format
        Format of a sequence file, see :func:`topo.io.read_proteins`.
    policy
        Treatment of faulty records.
    allow_nucleotides
        Whether nucleotides are read as proteins.
    output
        Output folder of the run, whose files are not read.

    Yields
    ------
    Protein
        In the order of the file; of a folder, the sequence files' first, both sorted by path.

    Raises
    ------
    InputError
        If nothing can be read.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        structures: str | PathLike[str] | None = None,
        chain: str | None = None,
        *,
        input_format: str | None = None,
        policy: RecordPolicy | None = None,
        allow_nucleotides: bool = False,
        output: Path | None = None,
    ) -> None:
        if not str(path):
            raise TopoError("found an empty path of proteins, expected a file or folder")
        self.path, self.chain = path, chain
        self._format, self._policy = input_format, policy or RecordPolicy()
        self._allow_nucleotides = allow_nucleotides
        self._files: FolderFiles | None = None
        self._structures: StructureFolder | None = None
        self._several: dict[str, str] = {}
        if Path(path).is_dir():
            self._list(Path(path), output)
        elif structures is not None:
            self._structures = StructureFolder(structures)
        self._check_options(structures)

    @property
    def faults(self) -> list[Fault]:
        """Faults of the records that the last iteration left out."""
        return self._policy.faults

    def __iter__(self) -> Iterator[Protein]:
        self._policy.faults.clear()
        self._several.clear()
        if self._files is not None:
            yield from self._read_folder(self._files)
        elif self._is_structure():
            yield self._structure(self.path, self.chain)
        else:
            yield from self._attached(self._sequences(self.path))
        if self._several:
            warnings.warn(self._chains_left(), InputWarning, stacklevel=2)

    def _list(self, path: Path, output: Path | None) -> None:
        from topo.io.writers import output_names

        if self._format is not None:
            raise TopoError(f"{path}: found a folder, expected a file with an input format")
        self._files = list_folder(path, output, output_names())
        self._structures = StructureFolder(path, self._files.structures)

    def _check_options(self, structures: str | PathLike[str] | None) -> None:
        """Refuse options that would change nothing."""
        takes_structures = self._files is None and not self._is_structure()
        if structures is not None and not takes_structures:
            raise TopoError(f"{self.path}: structures are attached to a sequence file only")
        if self.chain is not None and takes_structures and structures is None:
            raise TopoError(f"{self.path}: found no structure, which a chain is chosen from")

    def _is_structure(self) -> bool:
        return self._format is None and is_structure_file(self.path)

    def _sequences(self, path: str | PathLike[str]) -> Iterator[Protein]:
        proteins = read_proteins(path, input_format=self._format, policy=self._policy)
        return (
            proteins if self._allow_nucleotides else refuse_nucleotides(proteins, source_name(path))
        )

    def _attached(self, proteins: Iterator[Protein]) -> Iterator[Protein]:
        folder = self._structures
        return proteins if folder is None else folder.attach(proteins, self.chain)

    def _structure(self, path: str | PathLike[str], chain: str | None) -> Protein:
        protein = cached_structure(path, chain=chain)
        info = protein.structure
        if chain is None and info is not None and info.further_chains:
            names = (info.chain, *info.further_chains)
            self._several[str(path)] = f"{names[0] or '_'} of {', '.join(n or '_' for n in names)}"
        return protein

    def _read_folder(self, files: FolderFiles) -> Iterator[Protein]:
        broken: dict[Path, str] = {}
        used: set[tuple[Path, str | None]] = set()
        found = False
        for file in files.sequences:
            for protein in self._attached(self._readable(file, broken)):
                if self._structures and (place := self._structures.find(protein.id)):
                    used.add((place.path, place.chain))
                found = True
                yield protein
        for name, place in self._structures.entries() if self._structures else ():
            if (place.path, place.chain) in used:
                continue
            if (protein := self._sound(name, place, broken)) is not None:
                found = True
                yield protein
        if summary := files.summary(broken):
            warnings.warn(summary, InputWarning, stacklevel=2)
        if not found:
            raise InputError(files.path, "holds no sequences or structures that can be read")

    def _readable(self, file: Path, broken: dict[Path, str]) -> Iterator[Protein]:
        """Yield the proteins of a file; one that is no file of proteins is left out."""
        count = 0
        try:
            for protein in self._sequences(file):
                count += 1
                yield protein
        except RecordError:
            raise
        except InputError as error:
            if count:
                raise
            broken[file] = error.reason

    def _sound(self, name: str, place: Place, broken: dict[Path, str]) -> Protein | None:
        try:
            return replace(self._structure(place.path, place.chain or self.chain), id=name)
        except InputError as error:
            broken[place.path] = error.reason
            return None

    def _chains_left(self) -> str:
        shown = [f"{file} ({chains})" for file, chains in self._several.items()][:_CHAINS_SHOWN]
        more = len(self._several) - len(shown)
        rest = f" and {more:,} more files" if more else ""
        return f"one of several chains is read, --chain chooses another: {'; '.join(shown)}{rest}"
