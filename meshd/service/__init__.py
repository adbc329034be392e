"""What a command may ask of a node, one file per family of verbs. With a daemon or without, the same functions run."""
