"""Files of sources: opened safely, known by content, cut at record boundaries."""
