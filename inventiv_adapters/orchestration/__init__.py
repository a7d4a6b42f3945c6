"""What the reconciler has to know, and its look at engines."""
