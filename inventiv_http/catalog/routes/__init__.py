"""Where the catalog is found."""
