"""Watches upstream tags, learns the version of each new build, and records it in the index."""
