"""Predictions in numbered shards, which any number of processes and machines work on."""
