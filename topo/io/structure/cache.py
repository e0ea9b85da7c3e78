"""Cache of parsed structures, one safetensors file each.

The folder is ``TOPO_CACHE`` or ``~/.cache/topo``. The key of an entry is the file's path,
size, modification time, chain, model and sequence, so a changed file is parsed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import numpy as np

from topo.errors import TopoError
from topo.io.files import atomic_path
from topo.io.structure.read import StructureInfo, read_structure
from topo.protein import Protein

_VERSION = 3


def cached_structure(
    path: str | PathLike[str],
    *,
    chain: str | None = None,
    model: int | None = None,
    sequence: str | None = None,
) -> Protein:
    """Read a structure, from the cache where possible; see :func:`read_structure`.

    A cache that is damaged or cannot be written is ignored.
    """
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        state = None
    if state is None or not stat.S_ISREG(state.st_mode):
        return read_structure(path, chain=chain, model=model, sequence=sequence)
    request = (_VERSION, os.path.abspath(path), state.st_size, state.st_mtime_ns, chain, model)
    key = hashlib.sha256(repr((*request, sequence)).encode()).hexdigest()
    entry = cache_folder() / "structures" / key[:2] / f"{key}.safetensors"
    if (protein := _load(entry, str(path))) is not None:
        return protein
    protein = read_structure(path, chain=chain, model=model, sequence=sequence)
    with contextlib.suppress(TopoError, OSError):
        _save(entry, protein)
    return protein


def cache_folder() -> Path:
    """Return the folder of the cache."""
    return Path(os.environ.get("TOPO_CACHE") or Path.home() / ".cache" / "topo")


def _save(entry: Path, protein: Protein) -> None:
    from safetensors.numpy import save_file

    info = protein.structure
    assert info is not None, "a structure that was read has no StructureInfo"
    facts = {k: v for k, v in asdict(info).items() if k not in ("file", "b_factors", "coordinates")}
    arrays = {"backbone": protein.backbone, "plddt": protein.plddt, "b_factors": info.b_factors}
    with atomic_path(entry) as temporary:
        save_file(
            {name: array for name, array in arrays.items() if array is not None},
            temporary,
            {"id": protein.id, "sequence": protein.sequence, "info": json.dumps(facts)},
        )


def _load(entry: Path, source: str) -> Protein | None:
    from safetensors import SafetensorError, safe_open

    if not entry.is_file():
        return None
    try:
        with safe_open(entry, "numpy") as file:
            texts = file.metadata()
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(texts["info"])
        facts["numbers"] = tuple(facts["numbers"])
        facts["further_chains"] = tuple(facts["further_chains"])
        facts["mismatches"] = tuple((at, a, b) for at, a, b in facts["mismatches"])
        coordinates = np.ascontiguousarray(arrays["backbone"][:, 1])
        facts |= {"coordinates": coordinates, "b_factors": arrays.get("b_factors")}
        return Protein(
            texts["id"],
            texts["sequence"],
            coordinates=coordinates,
            backbone=arrays["backbone"],
            plddt=arrays.get("plddt"),
            structure=StructureInfo(source, **facts),
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
