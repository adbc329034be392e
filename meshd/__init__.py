"""The node: everything that touches the world. Rules live below it (`meshd_protocol`), words above it (`meshd_cli`)."""
