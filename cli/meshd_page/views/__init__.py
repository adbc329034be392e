"""The pages, one file for each part of what a member does: what is asked of the node, and which forms do what."""
