"""Preparation of data sets: similarity, folds, label transfer, statistics and downloads."""
