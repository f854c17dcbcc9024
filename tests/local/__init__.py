"""Tests of `local`: servers, supervisor, demo, and what stands beside the code."""
