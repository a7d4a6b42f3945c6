"""The routes of finops."""
