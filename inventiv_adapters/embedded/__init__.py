"""Everything on one machine: the data directory, and the PostgreSQL inside it."""
