"""The catalog, in Postgres."""
