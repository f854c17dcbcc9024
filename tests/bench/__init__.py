"""Tests of the benchmark: its files, its check of content, and a tiny run of the whole."""
