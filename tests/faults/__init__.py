"""Whatever fails, whenever: what holds is looked up afterwards, in all that was seen and stored."""
