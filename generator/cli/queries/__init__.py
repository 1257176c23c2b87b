"""Commands that ask the index, without a network."""
