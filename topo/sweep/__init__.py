"""Sweeps over configurations: files in the format of Weights & Biases, run with or without it."""
