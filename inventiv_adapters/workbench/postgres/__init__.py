"""The workbench, in Postgres."""
