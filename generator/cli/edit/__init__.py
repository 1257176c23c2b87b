"""Commands that write what is written by hand: images.toml, and a repository around it."""
