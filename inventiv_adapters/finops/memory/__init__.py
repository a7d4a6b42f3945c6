"""Costs and wallets, in memory."""
