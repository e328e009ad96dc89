"""The work tree: every file name, the list of exposures, products by name."""
