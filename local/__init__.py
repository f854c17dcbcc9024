"""The whole system on one machine without Docker: servers, supervisor, demo. Nothing imports this package."""
