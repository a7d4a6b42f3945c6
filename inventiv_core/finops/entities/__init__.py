"""Rentals and what they have cost, wallets, prices of tokens."""
