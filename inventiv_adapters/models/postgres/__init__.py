"""Models and offerings, in Postgres."""
