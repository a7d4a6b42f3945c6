"""GPU and system samples, runtime models, request metrics."""
