"""Costs and wallets, stored."""
