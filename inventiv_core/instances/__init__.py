"""Machines we rent, from request to archive: the state machine, leases, progress."""
