"""Files of a folder: sequences, structures, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from topo.io.formats import has_suffix, suffixes_of

OUTPUT_FOLDER = "structures"
"""Folder of labelled structures in an output folder."""

_SEQUENCES = suffixes_of("proteins")
_STRUCTURES = suffixes_of("structure")
_SHOWN = 10
_REASON_SHOWN = 120
_INDEX = "index.tsv"


@dataclass
class FolderFiles:
    """Files of a folder and its subfolders, sorted by path.

    Parameters
    ----------
    path
        Path to the folder.
    sequences, structures
        Files with a suffix of sequences or structures.
    left_out
        Files that are not read, with the reason.
    unknown
        Files without such a suffix.
    """

    path: Path
    sequences: list[Path] = field(default_factory=list)
    structures: list[Path] = field(default_factory=list)
    left_out: dict[Path, str] = field(default_factory=dict)
    unknown: list[Path] = field(default_factory=list)

    def summary(self, further: dict[Path, str]) -> str | None:
        """Return one line that names what is left out; None if nothing is.

        Parameters
        ----------
        further
            Files that could not be read, with the reason.
        """
        named = [
            f"{self.name(file)}: {why[:_REASON_SHOWN]}"
            for file, why in (further | self.left_out).items()
        ]
        parts = named[:_SHOWN]
        if len(named) > _SHOWN:
            parts.append(f"and {len(named) - _SHOWN:,} more")
        if self.unknown:
            names = ", ".join(map(self.name, self.unknown[:3]))
            more = ", ..." if len(self.unknown) > 3 else ""
            parts.append(f"{len(self.unknown):,} with other suffixes ({names}{more})")
        count = len(named) + len(self.unknown)
        return f"{self.path}: left out {count:,}: {'; '.join(parts)}" if count else None

    def name(self, file: Path) -> str:
        """Return the path of a file within the folder."""
        return os.path.relpath(file, self.path)


def list_folder(
    path: Path, output: Path | None = None, own_files: Collection[str] = ()
) -> FolderFiles:
    """List the files of a folder and its subfolders.

    Parameters
    ----------
    path
        Path to the folder.
    output
        Output folder of the run; if it lies in the folder, nothing in it is read.
    own_files
        Names of the output files of predictions, which are not read either.
    """
    found = FolderFiles(path)
    inside = output if output is not None and _inside(output, path) else None
    if inside is not None and inside.is_dir():
        found.left_out[inside] = "the output folder"
    for file in visible_files(path, left_out=found.left_out):
        if inside is not None and _inside(file, inside):
            continue
        sequences, structures = _has(file.name, _SEQUENCES), _has(file.name, _STRUCTURES)
        if file.name in own_files or (structures and _is_labelled(file)):
            found.left_out[file] = "an output of topo"
        elif sequences or structures:
            (found.sequences if sequences else found.structures).append(file)
        elif file.name != _INDEX and not _is_script(file):
            found.unknown.append(file)
    return found


def structure_files(path: Path) -> list[Path]:
    """List the structure files of a folder and its subfolders."""
    return [file for file in visible_files(path) if _has(file.name, _STRUCTURES)]


def visible_files(path: Path, left_out: dict[Path, str] | None = None) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders, sorted by path, without hidden ones.

    Links to folders are followed; a folder is read once.

    Parameters
    ----------
    path
        Path to the folder.
    left_out
        Receives the files with a suffix of sequences or structures that are hidden or no regular
        files, and the folders that cannot be read.
    """
    passed: dict[Path, str] = {} if left_out is None else left_out

    def unreadable(error: OSError) -> None:
        passed[Path(error.filename)] = f"cannot be read ({error.strerror})"

    files: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(path, onerror=unreadable, followlinks=True):
        state = os.stat(folder)
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(folder, name)
            if not name.startswith("."):
                files.append(file)
            elif _has(name, (*_SEQUENCES, *_STRUCTURES)):
                passed[file] = "hidden"
    for file in sorted(files):
        if file.is_file():
            yield file
        elif _has(file.name, (*_SEQUENCES, *_STRUCTURES)):
            passed[file] = "no regular file" if file.exists() else "a link to no file"


def _has(name: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a name has one of the suffixes, also of a compressed file."""
    return has_suffix(name.lower().removesuffix(".bz2").removesuffix(".xz"), suffixes)


def _inside(path: Path, folder: Path) -> bool:
    """Return whether a path lies in a folder, and is not the folder itself."""
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _is_labelled(file: Path) -> bool:
    """Return whether a structure is one that a prediction has written, beside its scripts."""
    scripts = (file.with_suffix(suffix).is_file() for suffix in (".pml", ".cxc"))
    return file.parent.name == OUTPUT_FOLDER and all(scripts)


def _is_script(file: Path) -> bool:
    return file.parent.name == OUTPUT_FOLDER and file.suffix in (".pml", ".cxc")
