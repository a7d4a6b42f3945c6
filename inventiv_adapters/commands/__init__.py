"""Commands, stored."""
