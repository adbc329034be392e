"""The log and its projections on disk."""
