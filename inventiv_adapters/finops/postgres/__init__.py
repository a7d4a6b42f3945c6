"""Costs and wallets, in Postgres."""
