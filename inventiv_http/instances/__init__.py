"""Instances, over HTTP."""
