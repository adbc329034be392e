"""What a node does by itself: roster records, attestations, keys, recounts."""
