"""Action logs, stored."""
