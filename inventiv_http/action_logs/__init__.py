"""Action logs, over HTTP."""
