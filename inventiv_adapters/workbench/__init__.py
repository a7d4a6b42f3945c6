"""The workbench, stored."""
