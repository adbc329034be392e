"""Sync between two peers, without IO: messages, frontiers, the session's states, the handshake's payloads."""
