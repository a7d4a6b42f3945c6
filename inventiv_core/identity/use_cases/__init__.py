"""What people can do about who they are, and who they work with."""
