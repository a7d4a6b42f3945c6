"""What every domain stands on: time, identity, errors, events, units of work, pages."""
