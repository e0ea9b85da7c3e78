"""Metrics that compare predictions with the truth; pure functions of strings and arrays."""
