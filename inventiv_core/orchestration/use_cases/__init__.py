"""What the control plane does by itself, cut by what an instance is going through."""
