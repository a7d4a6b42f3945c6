"""Routes to workers, what is used, and how much may be."""
