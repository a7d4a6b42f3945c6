"""What finops needs from the outside."""
