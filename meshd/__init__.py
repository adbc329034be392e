"""The node: everything that touches the world. Rules live below it, in `meshd_protocol`; words above it, in `meshd_cli`."""
