"""What a command may ask of a node, one file per family of verbs. The daemon and a command alone run the same functions."""
