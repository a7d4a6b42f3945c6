"""Live events, over HTTP."""
