"""Who did what, when, how long it took, and how it ended."""
