"""What an index can tell without a network: which build a tag is, what is in it, and whether all of it is sound."""
