"""What an index can tell without a network: which build a tag is, and what is in it."""
