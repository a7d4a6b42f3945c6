"""Whether a machine may serve: one person answers for its technique, one for its cost."""
