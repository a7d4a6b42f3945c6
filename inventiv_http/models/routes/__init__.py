"""Routes of models and offerings."""
