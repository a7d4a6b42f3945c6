"""Identity, in memory."""
