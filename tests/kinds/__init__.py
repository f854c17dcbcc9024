"""Kinds of sources: what pages come, and where they leave the source."""
