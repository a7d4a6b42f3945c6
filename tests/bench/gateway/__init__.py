"""The gateway beside its peers, in one interleaved run: ``python -m tests.bench.gateway``."""
