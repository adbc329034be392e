"""The commands, one file per family of verbs. Each file has `register(verbs, common)` and a function for each verb."""
