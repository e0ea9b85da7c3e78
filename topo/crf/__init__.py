"""Semi-Markov conditional random field over the states of a grammar."""
