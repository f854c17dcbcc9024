"""The one polite HTTP client. Only here are sockets to sources opened."""

from ingest.http.client import Http
from ingest.http.quota import Quota

__all__ = ["Http", "Quota"]
