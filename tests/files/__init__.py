"""Files below the root, and nothing else."""
