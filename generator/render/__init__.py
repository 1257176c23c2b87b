"""The index as Markdown pages."""
