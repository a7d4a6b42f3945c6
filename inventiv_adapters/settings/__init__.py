"""Settings and credentials, stored; and the box that secrets are sealed in."""
