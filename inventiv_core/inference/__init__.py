"""The OpenAI-compatible gateway: resolve a model, choose a worker, forward, meter."""
