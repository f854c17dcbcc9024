"""Every read of the API, one module a noun. A request is one read-only snapshot (`webapp.database`)."""
