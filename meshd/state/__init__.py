"""What the log says: rosters, people, sums, and rows as the rules take them."""
