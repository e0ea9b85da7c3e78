"""Embeddings of protein language models, written as features of residues."""
