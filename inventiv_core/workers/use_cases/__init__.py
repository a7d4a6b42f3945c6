"""What workers can do, and what can be done to them."""
