"""The workbench, over HTTP."""
