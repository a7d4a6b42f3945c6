"""What was told, read again."""
