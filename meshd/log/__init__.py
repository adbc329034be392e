"""The one way into the log: bytes are read, checked and taken in, one piece of work at a time."""
