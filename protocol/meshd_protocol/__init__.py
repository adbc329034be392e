"""What the words mean: records, chains, rosters, decisions, sync, bundles. No IO, no clock, no randomness."""
