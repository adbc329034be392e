"""One session with one peer, and what all sessions share."""
