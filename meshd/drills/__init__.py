"""Scripts of drills that come with the program: one TOML text each, read by `service.drills`. No code in here."""
