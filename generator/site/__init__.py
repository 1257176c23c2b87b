"""The index as a site: static pages, feeds and search data, for any host of files."""
