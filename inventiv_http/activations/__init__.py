"""Activations, over HTTP."""
