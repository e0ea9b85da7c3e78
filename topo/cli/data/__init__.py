"""Verbs of ``topo data``."""
