"""For tests, also of other services: a world in memory under control, and contracts for adapters.

`plugin` is found by pytest where this is installed, and costs nothing until one of its fixtures is
used. No program that is not a test imports anything of this.
"""
