"""How fast training and prediction run here, against what the same machine can do at best."""

from topo.benchmark.run import BenchmarkSettings, benchmark

__all__ = ["BenchmarkSettings", "benchmark"]
