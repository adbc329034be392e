"""How addresses are written: `HOST:PORT`, IPv6 hosts in brackets."""

from meshd_protocol.names import printable


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises ValueError, in words for a person, for anything else."""
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{printable(text)} is no address: HOST:PORT, with an IPv6 host in brackets")
    return host, int(port)
