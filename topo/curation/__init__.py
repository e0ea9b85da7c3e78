"""Making of data sets: similarity, folds, label transfer, statistics, downloads."""
