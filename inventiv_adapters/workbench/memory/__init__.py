"""The workbench, in memory."""
