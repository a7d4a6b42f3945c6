"""What people can do with settings and credentials, and what counts for the rest of the core."""
