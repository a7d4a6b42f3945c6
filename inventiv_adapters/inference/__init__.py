"""Calls to engines, routing snapshots, and usage."""
