"""The HTTP front end, the background work, and the command line."""
