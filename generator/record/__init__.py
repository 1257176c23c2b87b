"""The index: builds that were seen, the tags that follow from them, and their files."""
