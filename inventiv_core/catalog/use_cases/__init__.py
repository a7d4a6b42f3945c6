"""What people can do with the catalog."""
