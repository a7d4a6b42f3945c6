"""The models that can be served, and what they need to run."""
