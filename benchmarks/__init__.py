"""Questions about speed and size, each held against something measured in the same run: machines differ, ratios less."""
