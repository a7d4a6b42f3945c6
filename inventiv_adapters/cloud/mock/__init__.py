"""A cloud of our own making: its machines are servers in this process, its contracts are kept."""
