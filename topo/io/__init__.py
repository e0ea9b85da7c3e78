"""Readers and writers of proteins, predictions and structures: one module per format."""

from topo.io.fasta import read_fasta, write_fasta
from topo.io.inputs import read_inputs
from topo.io.partitions import read_partitions, write_partitions
from topo.io.readers import read_labelled, read_predictions, read_proteins
from topo.io.swissprot import read_swissprot
from topo.io.three_line import read_three_line, write_three_line

__all__ = [
    "read_fasta",
    "read_inputs",
    "read_labelled",
    "read_partitions",
    "read_predictions",
    "read_proteins",
    "read_swissprot",
    "read_three_line",
    "write_fasta",
    "write_partitions",
    "write_three_line",
]
