"""The reconciler: what the world should do next about each instance."""
