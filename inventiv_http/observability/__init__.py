"""What is measured, over HTTP."""
