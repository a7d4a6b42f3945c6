"""The command line: a client of any Inventiv server, and the way to start one."""
