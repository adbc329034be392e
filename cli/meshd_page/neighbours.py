"""Whose end of a connection on loopback it is: the kernel's table of connections has the user of each (proc(5))."""

import os
import socket
import struct
from pathlib import Path

_TABLE = Path("/proc/net/tcp")
_ROOT = 0


def is_own_user(host: str, port: int, table: Path = _TABLE) -> bool:
    """Whether the program at that end of a connection is this user's, or the administrator's, who may do everything
    anyway. Where the kernel has no such table, nobody knows, and it is.
    """
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return True
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    place = f"{number:08X}:{port:04X}"
    found = {int(fields[7]) for fields in map(str.split, lines) if len(fields) > 7 and fields[1] == place}
    return bool(found) and found <= {os.getuid(), _ROOT}
