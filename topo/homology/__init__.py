"""Search for similar proteins, and their alignments, by MMseqs2."""
