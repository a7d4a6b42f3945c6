"""What the routes of finops take and answer."""
