"""Questions about speed and size, each held against something measured in the same run: ratios outlive machines."""
