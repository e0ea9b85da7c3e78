"""``topo warm-up``: compilation of the kernels ahead of their first use."""

from __future__ import annotations

from topo.cli.verbosity import report


def warm_up() -> None:
    """Compile all kernels once, e.g. when an image is built, and print the folder of the cache.

    NUMBA_CACHE_DIR chooses another folder, which may be read-only later.
    """
    from topo.inference.warm_up import compile_kernels

    folder, count = compile_kernels()
    where = folder or "no folder that can be written, each process compiles its own"
    report(f"{count} kernels compiled; cache: {where}")
