"""Throughput of training and prediction, relative to the best that the machine reaches."""

from topo.benchmark.run import BenchmarkSettings, benchmark

__all__ = ["BenchmarkSettings", "benchmark"]
