"""Sequences of numbers: records without residues, classified as a whole or step by step."""
