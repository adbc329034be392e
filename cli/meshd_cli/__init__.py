"""The command line: words for people, JSON for scripts. It asks a node and shows the answer; it decides nothing."""
