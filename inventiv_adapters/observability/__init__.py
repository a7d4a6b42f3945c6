"""Samples and counters, stored."""
