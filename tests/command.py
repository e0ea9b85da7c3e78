"""The command line, run in this process."""

from __future__ import annotations

import sys

from topo.cli.main import main


def topo(*arguments: object) -> int:
    """Run ``topo`` with these arguments and return its exit code."""
    old = sys.argv
    sys.argv = ["topo", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = old
    return 0
