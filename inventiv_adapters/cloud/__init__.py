"""Renting machines, for real and in memory."""
