"""Workers, stored; their tokens derived."""
