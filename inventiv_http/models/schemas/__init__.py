"""Models and offerings on the wire."""
