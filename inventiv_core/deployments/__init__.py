"""One model, promised one machine: what may be deployed where."""
