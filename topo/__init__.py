"""Protein membrane topology: a graph-convolution and LSTM tagger with a grammar."""

__version__ = "0.1.0"
