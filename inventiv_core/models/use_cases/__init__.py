"""What people can do with models."""
