"""How much GPU memory a model needs to be served, term by term, so that a person can check it."""
