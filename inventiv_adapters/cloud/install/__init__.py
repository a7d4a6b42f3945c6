"""Making a worker of a machine that comes bare: one script, and the agent that it installs.

Both travel in the machine's user data, and nothing of ours is downloaded; so what runs is
what this version of the server was tested with.
"""
