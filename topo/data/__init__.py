"""From labelled proteins to batches."""
