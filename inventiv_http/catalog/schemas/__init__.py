"""The catalog on the wire. Prices are JSON numbers, in euros per hour."""
