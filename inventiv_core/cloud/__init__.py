"""Renting machines, as a port: no vendor has a name here."""
