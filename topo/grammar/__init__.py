"""Legal topologies: the grammar, its files, and the legality of label strings."""
