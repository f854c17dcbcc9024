"""The HTTP API through its front door, on real PostgreSQL and Redis."""
