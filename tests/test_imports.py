"""The import direction: each module imports only from modules above it in the layout."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import command

ROOT = Path(__file__).resolve().parent.parent
LAYERS = [
    "topo.errors",
    "topo.resources",
    "topo.labels",
    "topo.grammar",
    "topo.semimarkov",
    "topo.expectations",
    "topo.confidence",
    "topo.viterbi",
    "topo.paths",
    "topo.segments",
    "topo.protein",
    "topo.config",
    "topo.io",
    "topo.geometry",
    "topo.graph",
    "topo.data",
    "topo.nn",
    "topo.metrics",
    "topo.runs",
    "topo.checkpoint",
    "topo.initialisation",
    "topo.calibration",
    "topo.tracking",
    "topo.optimizer",
    "topo.training",
    "topo.pretraining",
    "topo.inference",
    "topo.consensus",
    "topo.evaluation",
    "topo.cross_validation",
    "topo.sweep",
    "topo.report",
    "topo.benchmark",
    "topo.cli",
    "topo.__main__",
]
MODULES = sorted(path for path in (ROOT / "topo").rglob("*.py") if "bundled" not in path.parts)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _layer(module: str) -> int:
    place = [i for i, x in enumerate(LAYERS) if module == x or module.startswith(x + ".")]
    assert place, f"{module} has no place in the layout"
    return place[0]


def _imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, at its top or inside a function."""
    known = {_name(p) for p in MODULES}
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (members & known) or {node.module}
    return {name for name in found if name.startswith("topo.")}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_up_only(path: Path) -> None:
    name = _name(path)
    if name == "topo":
        return
    for imported in _imports(path):
        assert _layer(imported) <= _layer(name), f"{name} imports {imported} from below it"


def test_only_tracking_imports_wandb() -> None:
    importers = {_name(p) for p in MODULES if "import wandb" in p.read_text()}
    importers |= {_name(p) for p in MODULES if "WandbLogger" in p.read_text()}
    assert importers <= {"topo.tracking"}


@pytest.mark.slow
def test_the_command_tells_its_version(capsys) -> None:
    from topo import __version__

    assert command("--version") == 0
    assert capsys.readouterr().out == f"topo {__version__}\n"


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; import topo.cli.main; "
        "print([m for m in ('torch', 'torch_geometric', 'lightning', 'matplotlib', 'numba', "
        "'sklearn', 'scipy', 'wandb') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "topo", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 1.0
