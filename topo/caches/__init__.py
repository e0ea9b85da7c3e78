"""Folders for what can be computed again: compiled code, parsed structures, caches of libraries."""
