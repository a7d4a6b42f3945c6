"""What may be changed at run time: definitions, global values, each organization's own."""
