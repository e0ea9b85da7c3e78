"""The layers of the tagger."""
