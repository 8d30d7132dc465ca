"""Roles as running parts: a node gives a role its sockets, its groups and its background work."""
