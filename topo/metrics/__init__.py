"""Scores of a prediction against the truth; pure functions on strings and arrays."""
