"""Activations, stored."""
