"""The engine: sources in, rows out. Read `ingest.pipeline` first. Knows neither Flask nor Celery."""
