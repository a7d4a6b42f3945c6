"""What identity needs from the outside."""
