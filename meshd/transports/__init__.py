"""Byte streams to other nodes."""
