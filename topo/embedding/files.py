"""Writing of embeddings to an HDF5 file, batch by batch."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from topo._version import __version__
from topo.data.sampling import length_buckets
from topo.embedding.language_model import LanguageModel
from topo.errors import InputWarning, TopoError
from topo.io.files import is_special, put
from topo.io.hdf5 import DAMAGE, import_h5py
from topo.io.summary import sequence_md5
from topo.protein import Protein

_WINDOW = 512  # proteins that are sorted by length


def write_embeddings(
    proteins: Iterable[Protein],
    path: Path,
    model: LanguageModel,
    batch_residues: int,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the embeddings of proteins, float16, by the MD5 of their sequences.

    The attribute ``model`` of the file names the model, the attribute ``original_id`` of each data
    set the protein. Until all are there the file has the suffix ``.partial``; the next call
    continues such a file.

    Parameters
    ----------
    proteins
        Proteins; equal sequences are embedded once.
    path
        Path to the file.
    model
        Language model.
    batch_residues
        Largest number of padded residues per batch.
    advance
        Function that receives numbers of finished residues.

    Returns
    -------
    int
        Number of data sets that an earlier call had written.

    Raises
    ------
    TopoError
        If the file cannot be written, or an unfinished one is of another model.
    """
    real = Path(tempfile.gettempdir(), path.name) if is_special(path) else path.resolve()
    partial = real.with_name(f"{real.name}.partial")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with _opened(partial, model) as file:
            before = len(file)
            for batch in _batches(proteins, file, batch_residues, advance):
                embeddings = model.embed([protein.sequence for protein in batch])
                for protein, values in zip(batch, embeddings, strict=True):
                    entry = file.create_dataset(sequence_md5(protein.sequence), data=values)
                    entry.attrs["original_id"] = protein.id
                file.flush()
                advance(sum(map(len, batch)))
        put(partial, path)
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        raise TopoError(f"{path}: cannot be written ({reason})") from None
    return before


def _opened(partial: Path, model: LanguageModel) -> Any:
    """Open an unfinished file to continue it; one that is damaged is begun anew."""
    h5py = import_h5py()
    file = None
    if partial.is_file():
        try:
            file = h5py.File(partial, "a")
            found = file.attrs.get("model"), int(file.attrs.get("window", 0)), len(file)
        except DAMAGE:
            warnings.warn(f"{partial}: damaged, begun anew", InputWarning, stacklevel=3)
            file = None
        else:
            if found[:2] != (model.name, model.window):
                file.close()
                raise TopoError(
                    f"{partial}: found an unfinished file of {found[0]} with windows of {found[1]} "
                    f"residues, expected {model.name} and {model.window}; delete it to begin anew"
                )
    if file is None:
        file = h5py.File(partial, "w")
        file.attrs.update({"model": model.name, "window": model.window, "topo": __version__})
    return file


def _batches(
    proteins: Iterable[Protein], file: Any, residues: int, advance: Callable[[int], None]
) -> Iterator[list[Protein]]:
    """Yield batches of proteins of similar lengths whose sequences the file lacks."""
    import numpy as np

    stream = iter(proteins)
    while window := list(islice(stream, _WINDOW)):
        new: dict[str, Protein] = {}
        for protein in window:
            key = sequence_md5(protein.sequence)
            if key not in file and key not in new:
                new[key] = protein
            else:
                advance(len(protein))
        order = sorted(new.values(), key=len)
        lengths = np.array([len(protein) for protein in order], dtype=np.int64)
        for bucket in length_buckets(lengths, len(order), residues):
            yield order[bucket]
