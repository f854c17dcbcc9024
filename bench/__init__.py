"""What Kasparro's main path costs, beside the floor that PostgreSQL itself sets. Run: make bench."""
