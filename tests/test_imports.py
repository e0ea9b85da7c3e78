"""The import direction: each module imports only from layers above its own, without cycles."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT, command

LAYERS = [
    "topo._version",
    "topo.errors",
    "topo.resources",
    "topo.residues",
    "topo.labels",
    "topo.segments",
    "topo.constraints",
    "topo.protein",
    "topo.caches",
    "topo.config",
    "topo.grammar",
    "topo.crf",
    "topo.io",
    "topo.models",
    "topo.geometry",
    "topo.graph",
    "topo.data",
    "topo.homology",
    "topo.nn",
    "topo.metrics",
    "topo.runs",
    "topo.model_card",
    "topo.checkpoint",
    "topo.inference",
    "topo.shards",
    "topo.variants",
    "topo.differences",
    "topo.embedding",
    "topo.training",
    "topo.sequences",
    "topo.curation",
    "topo.sweep",
    "topo.report",
    "topo.benchmark",
    "topo.serve",
    "topo.cli",
    "topo.__main__",
]
MODULES = sorted(path for path in (ROOT / "topo").rglob("*.py") if "bundled" not in path.parts)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


KNOWN = {_name(path) for path in MODULES}


def _layer(module: str) -> int:
    place = [i for i, x in enumerate(LAYERS) if module == x or module.startswith(x + ".")]
    assert place, f"{module} has no place in the layout"
    return place[0]


def _imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in _run_time_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (members & KNOWN) or {node.module}
    return {name for name in found if name.startswith("topo.")} - {_name(path)}


def _run_time_nodes(tree: ast.Module) -> list[ast.AST]:
    """All nodes except those of `if TYPE_CHECKING:`, which are never executed."""
    nodes: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes.append(node)
        waiting += ast.iter_child_nodes(node)
    return nodes


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_up_only(path: Path) -> None:
    name = _name(path)
    if name == "topo":
        return
    for imported in _imports(path):
        assert _layer(imported) <= _layer(name), f"{name} imports {imported} from below it"


def test_no_cycle_of_imports_also_of_lazy_ones() -> None:
    graph = {_name(path): _imports(path) for path in MODULES if _name(path) != "topo"}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_few_modules_lie_loose() -> None:
    loose = [path.name for path in (ROOT / "topo").glob("*.py") if not path.name.startswith("_")]
    assert len(loose) <= 12, sorted(loose)


def test_all_modules_and_tests_can_be_imported_on_windows() -> None:
    """At their top; inside a function or after a check, what Windows lacks may be imported."""
    absent = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in (*MODULES, *(ROOT / "tests").rglob("*.py"))
        if (names := absent & _imported_at_the_top(path))
    }
    assert not found


def _imported_at_the_top(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_only_tracking_imports_wandb() -> None:
    importers = {_name(p) for p in MODULES if "import wandb" in p.read_text()}
    importers |= {_name(p) for p in MODULES if "WandbLogger" in p.read_text()}
    assert importers <= {"topo.training.tracking"}


@pytest.mark.parametrize("package", ["ray", "psycopg", "pyarrow", "h5py"])
def test_packages_of_extras_are_imported_inside_functions(package: str) -> None:
    importers = [
        _name(path)
        for path in MODULES
        if any(name.split(".")[0] == package for name in _imported_at_the_top(path))
    ]
    assert importers == []


@pytest.mark.slow
def test_the_command_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    from topo._version import DISTRIBUTION, __version__

    assert f'\nname = "{DISTRIBUTION}"\n' in (ROOT / "pyproject.toml").read_text()
    assert command("--version") == 0
    assert capsys.readouterr().out == f"topo {__version__} (distribution {DISTRIBUTION})\n"


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; import topo.cli.main; "
        "print([m for m in ('torch', 'torch_geometric', 'lightning', 'matplotlib', 'numba', "
        "'sklearn', 'scipy', 'wandb', 'pydantic') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    times = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-m", "topo", "--help"], capture_output=True, check=True)
        after = os.times()
        user = after.children_user - before.children_user
        times.append(user + after.children_system - before.children_system)
    assert min(times) < 0.5  # seconds of the processor, independent of other programs
