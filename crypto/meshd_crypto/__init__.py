"""Cryptography of meshd: bytes in, bytes out. No files, clock, network or encoding lives here."""
