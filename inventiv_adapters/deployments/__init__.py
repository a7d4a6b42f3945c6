"""Quotas, stored."""
