"""Identity, in Postgres."""
