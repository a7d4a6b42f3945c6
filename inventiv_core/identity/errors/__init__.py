"""What can go wrong with who is asking."""
