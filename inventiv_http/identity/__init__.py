"""Users, organizations and sessions, over HTTP."""
