"""Storages, stored."""
