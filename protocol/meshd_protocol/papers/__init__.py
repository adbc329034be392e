"""Paper ballots in files: BLT and PrefLib, read into what the counting methods take. Text in, ballots out."""
