"""What people can do with deployments, cut by what it is about."""
