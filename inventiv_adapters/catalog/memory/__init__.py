"""The catalog, in memory."""
