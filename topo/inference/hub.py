"""Models on the Hugging Face Hub: ``push_to_hub`` and ``from_pretrained``.

Needs the package huggingface_hub (extra ``hub``). A folder on the Hub is a checkpoint folder
(:mod:`topo.checkpoint`) with a ``config.json``, which names format, labels and the configuration.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from topo._version import __version__
from topo.errors import TopoError
from topo.inference.models import load_model
from topo.inference.stream import predict
from topo.io.checkpoint_config import FORMAT
from topo.protein import Prediction, Protein

try:
    from huggingface_hub import (  # pyright: ignore[reportMissingImports] - of an extra
        ModelHubMixin,
        snapshot_download,
    )
except ImportError:

    def snapshot_download(*_: Any, **__: Any) -> str:
        """Raise the error of a missing package."""
        raise TopoError(
            "the Hub needs the package huggingface_hub: pip install 'topo-membrane[hub]'"
        )

    class ModelHubMixin:
        """Stand-in whose methods raise the error of a missing package."""

        def __init_subclass__(cls, **_: Any) -> None:
            super().__init_subclass__()

        @classmethod
        def from_pretrained(cls, *_: Any, **__: Any) -> Any:
            """Raise the error of a missing package."""
            snapshot_download()

        save_pretrained = push_to_hub = from_pretrained


class HubModel(ModelHubMixin, library_name="topo-membrane", tags=["topo", "biology"]):  # pyright: ignore - of an extra
    """Checkpoint that can be pushed to and loaded from the Hub.

    Parameters
    ----------
    path
        Argument of :func:`topo.inference.models.load_model`.

    Attributes
    ----------
    checkpoint
        Loaded model.

    Raises
    ------
    TopoError
        If the model cannot be loaded.
    """

    def __init__(self, path: str | PathLike[str] | None = None) -> None:
        self.checkpoint = load_model(path)

    def predict(
        self, proteins: str | PathLike[str] | Iterable[Protein], **options: Any
    ) -> Iterator[Prediction]:
        """Predict proteins, as :func:`topo.inference.stream.predict` with the same options."""
        return predict(proteins, self.checkpoint, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the files of the checkpoint and ``config.json``."""
        target = Path(save_directory)
        shutil.copytree(self.checkpoint.path, target, dirs_exist_ok=True)
        scheme = self.checkpoint.tagger.crf.grammar.scheme
        document = {
            "model_type": "topo",
            "topo_version": __version__,
            "format": FORMAT,
            "labels": list(scheme.letters),
            "types": list(scheme.type_names),
            "config": self.checkpoint.config.model_dump(mode="json"),
        }
        text = json.dumps(document, indent=2) + "\n"
        (target / "config.json").write_text(text, encoding="utf-8")

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> HubModel:
        """Load a local folder, or download one."""
        if Path(model_id).is_dir():
            return cls(model_id)
        names = ("revision", "cache_dir", "force_download", "local_files_only", "token")
        known = {name: options[name] for name in names if name in options}
        return cls(snapshot_download(model_id, **known))
