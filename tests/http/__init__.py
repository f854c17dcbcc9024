"""The polite HTTP client against a scripted upstream."""
