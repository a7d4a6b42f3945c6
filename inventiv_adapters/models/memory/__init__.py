"""Models and offerings, in memory."""
