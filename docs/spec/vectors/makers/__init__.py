"""One maker for each file of vectors."""
