"""What the database is made of: made new, brought up to date, put away and brought back."""
