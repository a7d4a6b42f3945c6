"""The catalog, over HTTP."""
