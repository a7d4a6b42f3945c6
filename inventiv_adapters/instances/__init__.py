"""Instances, their leases and their history, stored."""
