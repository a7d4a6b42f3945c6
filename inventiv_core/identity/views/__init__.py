"""People and their access, as the rest of the program needs to know it."""
