"""The playground: projects, runs and their messages, and which models one can talk to."""
