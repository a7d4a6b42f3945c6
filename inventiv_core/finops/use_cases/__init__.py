"""What people can do about costs, and what the platform does by itself."""
