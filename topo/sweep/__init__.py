"""Hyperparameter sweeps from sweep files of Weights & Biases, with or without its server."""
