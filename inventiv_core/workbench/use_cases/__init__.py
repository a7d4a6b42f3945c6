"""What one can do in the workbench."""
