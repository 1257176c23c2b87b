"""Packages: what a package URL names, and versions in the order of the distribution that made them."""
