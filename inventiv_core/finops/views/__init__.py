"""Costs and wallets as people look at them."""
