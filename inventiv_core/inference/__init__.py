"""The OpenAI-compatible gateway: resolve a model, limit, choose a worker, forward, meter."""
