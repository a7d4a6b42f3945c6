"""Costs and wallets, over HTTP."""
