"""What it costs, measured: never part of a test but to see that it still runs."""
