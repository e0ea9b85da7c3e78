"""Write topo/models/models.tsv: the files of the published models and their checksums.

python checkpoints/list_models.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from topo.models.catalogue import COLUMNS, TABLE

MODELS = ("topo-base", "topo-ensemble", "topo-ensemble-blind")


def rows() -> list[tuple[str, ...]]:
    """Return the rows of the table."""
    found = []
    for model in MODELS:
        folder = Path(__file__).parent / model
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            name = path.relative_to(folder).as_posix()
            found.append((model, name, str(len(content)), digest))
    return found


if __name__ == "__main__":
    lines = ["\t".join(row) for row in (COLUMNS, *rows())]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
