"""Reading and writing of checkpoint folders, which contain no executable code.

===================  ==========================================================================
``model.safetensors``  weights
``trunk.safetensors``  weights of a pre-trained trunk, in place of ``model.safetensors``
``config.yaml``        format, labels, types, versions, the whole configuration, the grammar
``metrics.json``       scores, and the data that they were computed from
``README.md``          model card
``members/``           one checkpoint folder per member of an ensemble, in place of weights
===================  ==========================================================================
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from topo.config import Config, dump_config, parse_config
from topo.config.migrations import current_weights
from topo.errors import CheckpointError, ConfigError, TopoError
from topo.io.checkpoint_config import checkpoint_header, read_checkpoint_tree
from topo.io.files import default_mode
from topo.io.grammar import find_grammar
from topo.nn.decoding import TopologyModel
from topo.nn.ensemble import Ensemble
from topo.nn.tagger import Tagger
from topo.nn.trunk import Trunk
from topo.nn.weights import first_bad_value, first_misfit

MODEL_FILE, TRUNK_FILE = "model.safetensors", "trunk.safetensors"

_UNFINISHED = "unfinished-"

_Model = TypeVar("_Model", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """A tagger with its configuration and its scores."""

    tagger: TopologyModel
    config: Config
    metrics: Mapping[str, Any]
    path: Path


def build_tagger(config: Config) -> Tagger:
    """Build a tagger with random weights; reads the grammar that the configuration names.

    Raises
    ------
    TopoError
        If the grammar cannot be read or is not usable.
    """
    return Tagger(config.model, config.graph, find_grammar(config.model.heads.grammar))


def save_checkpoint(
    path: str | PathLike[str],
    tagger: nn.Module,
    config: Config,
    metrics: Mapping[str, Any],
    card: str,
) -> None:
    """Write a checkpoint folder; an existing one is replaced.

    Parameters
    ----------
    path
        Path to the folder.
    tagger
        Model to save.
    config
        Configuration that the model was built from.
    metrics
        Content of ``metrics.json``.
    card
        Text of the model card.

    Raises
    ------
    TopoError
        If the folder cannot be written.
    """
    with _new_folder(Path(path), config, metrics, card) as folder:
        _write_weights(tagger.state_dict(), folder / MODEL_FILE)


def save_trunk(
    path: str | PathLike[str],
    trunk: Trunk,
    config: Config,
    metrics: Mapping[str, Any],
    card: str,
) -> None:
    """Write the weights of a trunk, without those of heads; see :func:`save_checkpoint`."""
    with _new_folder(Path(path), config, metrics, card) as folder:
        _write_weights(trunk.state_dict(), folder / TRUNK_FILE)


def is_trunk(path: str | PathLike[str]) -> bool:
    """Return whether a folder contains a pre-trained trunk rather than a tagger."""
    return (Path(path) / TRUNK_FILE).is_file()


def ensemble_members(path: str | PathLike[str]) -> list[Path]:
    """List the members' checkpoint folders of an ensemble; none for a single tagger."""
    folder = Path(path) / "members"
    return sorted(folder.iterdir()) if folder.is_dir() else []


@dataclass(frozen=True)
class PretrainedTrunk:
    """Weights of a trunk by name, the configuration of its training, and its scores."""

    weights: Mapping[str, Tensor]
    config: Config
    metrics: Mapping[str, Any]
    path: Path


def load_trunk(path: str | PathLike[str]) -> PretrainedTrunk:
    """Read the folder of a pre-trained trunk.

    Raises
    ------
    CheckpointError
        For the same reasons as in :func:`load_checkpoint`.
    """
    folder = Path(path)
    config = read_checkpoint_config(folder)
    trunk = _with_weights(lambda: Trunk(config.model, config.graph), folder / TRUNK_FILE)
    return PretrainedTrunk(trunk.state_dict(), config, _read_metrics(folder), folder)


def save_ensemble(
    path: str | PathLike[str],
    members: Mapping[str, str | PathLike[str]],
    config: Config,
    metrics: Mapping[str, Any],
    card: str,
) -> None:
    """Write the checkpoint folder of an ensemble; see :class:`topo.nn.ensemble.Ensemble`.

    Parameters
    ----------
    path
        Path to the folder.
    members
        Checkpoint folders by their names in ``members/``, to which they are copied.
    config, metrics, card
        See :func:`save_checkpoint`; all members must have the graph of ``config``.

    Raises
    ------
    CheckpointError
        If a member cannot be read, or the members cannot be averaged.
    TopoError
        If the folder cannot be written.
    """
    _join([load_checkpoint(member) for member in members.values()], path)
    with _new_folder(Path(path), config, metrics, card) as folder:
        for name, member in members.items():
            shutil.copytree(member, folder / "members" / name)


@contextmanager
def _new_folder(
    target: Path, config: Config, metrics: Mapping[str, Any], card: str
) -> Iterator[Path]:
    """Yield an empty folder that replaces ``target`` when the block ends without error.

    What a killed process has left of such a folder is removed.
    Configuration, metrics and model card are written after the block.
    """
    fresh = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in target.parent.glob(f".{escape(target.name)}.{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)  # by a process that was killed
        prefix = f".{target.name}.{_UNFINISHED}"
        fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        fresh.chmod(default_mode(0o777))
        yield fresh
        (fresh / "config.yaml").write_text(
            checkpoint_header(config) + dump_config(config), encoding="utf-8"
        )
        (fresh / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        (fresh / "README.md").write_text(card, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    except OSError as error:
        reason = error.strerror or "a file could not be copied"
        raise TopoError(f"{target}: cannot be written ({reason})") from None
    finally:
        if fresh is not None and fresh.is_dir():
            shutil.rmtree(fresh, ignore_errors=True)


def _write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    save_file({name: t.detach().cpu().contiguous() for name, t in state.items()}, path)
    path.chmod(default_mode(0o666))  # safetensors creates the file with mode 0600


def read_checkpoint_config(path: str | PathLike[str]) -> Config:
    """Read the configuration of a checkpoint folder.

    Raises
    ------
    CheckpointError
        If it is missing or damaged, or has another format or labels.
    """
    folder = Path(path)
    try:
        return parse_config(read_checkpoint_tree(folder), str(folder / "config.yaml"))
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def load_weights(build: Callable[[], _Model], path: str | PathLike[str]) -> _Model:
    """Build a model on the CPU with the weights of a checkpoint folder.

    Raises
    ------
    CheckpointError
        If the weights are missing or damaged, or do not fit the model.
    """
    return _with_weights(build, Path(path) / MODEL_FILE)


def load_checkpoint(path: str | PathLike[str]) -> Checkpoint:
    """Read a checkpoint folder.

    Returns
    -------
    Checkpoint
        Its tagger is on the CPU and in evaluation mode.

    Raises
    ------
    CheckpointError
        If the folder or one of its files is missing or damaged, or has another format or labels.
    """
    folder = Path(path)
    config = read_checkpoint_config(folder)
    if (folder / "members").is_dir():
        members = [load_checkpoint(member) for member in ensemble_members(folder)]
        return Checkpoint(_join(members, folder), config, _read_metrics(folder), folder)
    if config.task.is_numeric:
        raise CheckpointError(
            f"{folder}: found a model of numeric sequences, expected a model of proteins"
        )
    if is_trunk(folder):
        raise CheckpointError(
            f"{folder}: found a pre-trained trunk, expected a tagger; "
            "topo train --init makes one of it"
        )
    tagger = _with_weights(lambda: build_tagger(config), folder / MODEL_FILE)
    return Checkpoint(tagger.eval(), config, _read_metrics(folder), folder)


def _with_weights(build: Callable[[], _Model], path: Path) -> _Model:
    """Build a model on the CPU and load its weights, after checking that they fit."""
    try:
        weights = current_weights(load_file(path))
    except FileNotFoundError:
        raise CheckpointError(f"{path.parent}: holds no {path.name}") from None
    except (SafetensorError, OSError):
        raise CheckpointError(f"{path}: damaged weights") from None
    if bad := first_bad_value(weights):
        raise CheckpointError(f"{path}: damaged weights, {bad}")
    try:
        misfit = first_misfit(build, weights)
        if not misfit:
            model = build()
            model.load_state_dict(weights)
            return model
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    except (RuntimeError, TypeError, MemoryError) as error:
        misfit = str(error).partition("\n")[0] or type(error).__name__
    raise CheckpointError(
        f"{path.parent}: the weights do not fit the architecture in config.yaml ({misfit[:200]})"
    )


def _join(members: Sequence[Checkpoint], place: str | PathLike[str]) -> Ensemble:
    if not members:
        raise CheckpointError(f"{place}: an ensemble without members")
    if any(member.config.graph != members[0].config.graph for member in members):
        raise CheckpointError(f"{place}: the members see different graphs")
    try:
        return Ensemble([cast(Tagger, member.tagger) for member in members]).eval()
    except ValueError as error:
        raise CheckpointError(f"{place}: {error}") from None


def _read_metrics(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
