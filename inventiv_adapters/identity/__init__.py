"""Users, organizations and sessions, stored; passwords hashed; tokens signed."""
