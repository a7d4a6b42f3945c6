"""What people can do with the models that are served, and what keeps the gateway going."""
