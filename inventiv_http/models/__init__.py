"""Models, over HTTP."""
