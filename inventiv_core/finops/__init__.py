"""What it costs and who pays: rentals, prices, wallets, tokens."""
