"""Commands, over HTTP."""
