"""Data of a training: splits, data sets, sampling and loaders."""
