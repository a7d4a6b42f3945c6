"""The process on a machine: its registration, its heartbeats, its token."""
