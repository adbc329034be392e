"""Records carried by hand: sticks, folders, single files."""
