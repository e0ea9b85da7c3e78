"""Protein language models in the layout of the package transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from topo.errors import ConfigError, TopoError
from topo.inference.models import check_device
from topo.inference.pieces import cut_chain
from topo.io.extras import import_extra

_FIRST = {"esm": "cls_token_id", "bert": "cls_token_id", "t5": None}
_LAST = {"esm": "eos_token_id", "bert": "sep_token_id", "t5": "eos_token_id"}
"""Special tokens before and after a sequence, by type of the model."""

_RARE = "UZOB"
"""Residues that models other than ESM read as X (Elnaggar et al. 2022, IEEE TPAMI 44:7112)."""


class LanguageModel:
    """Language model that embeds each residue.

    Parameters
    ----------
    name
        Name at Hugging Face, or path to a folder with a model and its tokenizer: ESM-2, ProtT5 or
        another encoder of the types esm, t5 or bert.
    device
        Torch device.
    window
        Largest number of residues that are embedded in one piece. Longer proteins are embedded in
        overlapping pieces, which are joined in the middle of the overlaps.

    Attributes
    ----------
    name
        Name to record with the embeddings: that given, or the name of the folder.
    width
        Number of features of a residue.

    Raises
    ------
    TopoError
        If transformers is not installed, or the model cannot be loaded or is of another type.
    """

    def __init__(self, name: str, device: str = "cpu", window: int = 1022) -> None:
        check_device(device)
        if window < 16:
            raise ConfigError(f"--window: found {window} residues, expected 16 or more")
        self.name = Path(name).resolve().name if Path(name).is_dir() else name
        self.window, self.device = window, device
        self.model, tokenizer, self.kind = _load(name)
        self.model.eval().to(device)
        if torch.device(device).type == "cuda":
            self.model.half()
        self.width = int(getattr(self.model.config, "hidden_size", 0) or self.model.config.d_model)
        self._tokens = _letters(tokenizer, self.kind)
        self._first = _special(tokenizer, _FIRST[self.kind])
        self._last = _special(tokenizer, _LAST[self.kind])
        self._padding = int(tokenizer.pad_token_id or 0)

    def pieces(self, length: int) -> list[tuple[int, int]]:
        """Return the pieces in which a protein of some length is embedded, half-open."""
        return cut_chain(length, self.window)

    @torch.inference_mode()
    def embed(self, sequences: Sequence[str]) -> list[np.ndarray]:
        """Return the embeddings of proteins of any length, float16, each (R, width).

        If the memory of the device does not suffice, the batch is halved.
        """
        spans = [self.pieces(len(sequence)) for sequence in sequences]
        parts = [
            sequence[a:b] for sequence, own in zip(sequences, spans, strict=True) for a, b in own
        ]
        rest = iter(self._batch(parts))
        return [_joined([next(rest) for _ in own], own) for own in spans]

    def _batch(self, parts: Sequence[str]) -> list[np.ndarray]:
        try:
            return self._forward(parts)
        except torch.OutOfMemoryError:
            if len(parts) == 1:
                raise TopoError(
                    f"not enough memory for {len(parts[0])} residues; try a smaller --window"
                ) from None
        middle = len(parts) // 2
        return self._batch(parts[:middle]) + self._batch(parts[middle:])

    def _forward(self, parts: Sequence[str]) -> list[np.ndarray]:
        rows = [[*self._first, *(self._token(x) for x in part), *self._last] for part in parts]
        size = max(map(len, rows))
        tokens = torch.full((len(rows), size), self._padding)
        mask = torch.zeros(len(rows), size, dtype=torch.long)
        for index, row in enumerate(rows):
            tokens[index, : len(row)] = torch.tensor(row)
            mask[index, : len(row)] = 1
        states = self.model(
            input_ids=tokens.to(self.device), attention_mask=mask.to(self.device)
        ).last_hidden_state
        start = len(self._first)
        return [
            states[index, start : start + len(part)].float().cpu().numpy().astype(np.float16)
            for index, part in enumerate(parts)
        ]

    def _token(self, residue: str) -> int:
        return self._tokens.get(residue, self._tokens["X"])


def import_transformers() -> Any:
    """Import transformers.

    Raises
    ------
    TopoError
        If it is not installed.
    """
    transformers = import_extra("transformers", "embeddings need the package transformers", "embed")
    transformers.logging.set_verbosity_error()
    return transformers


def _load(name: str) -> tuple[Any, Any, str]:
    """Return model, tokenizer and type."""
    transformers = import_transformers()
    try:
        config = transformers.AutoConfig.from_pretrained(name)
        kind = config.model_type
        if kind not in _LAST:
            raise ConfigError(
                f"{name}: found a model of type {kind}, expected one of {', '.join(_LAST)}"
            )
        if kind == "t5":
            model = transformers.T5EncoderModel.from_pretrained(name)
        else:
            model = transformers.AutoModel.from_pretrained(name, add_pooling_layer=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TopoError(f"{name}: cannot be loaded as a language model ({reason})") from None
    return model, tokenizer, kind


def _letters(tokenizer: Any, kind: str) -> dict[str, int]:
    """Return the token of each residue; those of sentence pieces begin with a mark of a word."""
    vocabulary = tokenizer.get_vocab()
    found = {}
    for letter in "ACDEFGHIKLMNPQRSTVWYXUZOB":
        for token in (f"\N{LOWER ONE EIGHTH BLOCK}{letter}", letter):
            if token in vocabulary:
                found.setdefault(letter, int(vocabulary[token]))
    if "X" not in found or "A" not in found:
        raise ConfigError("the vocabulary of the model has no residues, expected single letters")
    if kind != "esm":
        found.update(dict.fromkeys(_RARE, found["X"]))
    return found


def _special(tokenizer: Any, name: str | None) -> list[int]:
    token = None if name is None else getattr(tokenizer, name, None)
    return [] if token is None else [int(token)]


def _joined(parts: Sequence[np.ndarray], spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Join the embeddings of overlapping pieces in the middle of each overlap."""
    kept, low = [], 0
    for number, (part, (start, end)) in enumerate(zip(parts, spans, strict=True)):
        high = end
        if number + 1 < len(spans):
            high = (spans[number + 1][0] + end) // 2
        kept.append(part[low - start : high - start])
        low = high
    return np.concatenate(kept)
