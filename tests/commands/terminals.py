"""A terminal of some size, at which somebody types."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

from tests.commands.shell import MESHD


def on_a_terminal(shell, columns, lines, *words, typed="", passphrase=None):
    """How a command ends, and what stands on a terminal of some size after it. What is `typed` lies there before it asks;
    the passphrase it gets whenever it asks for something, since it heeds nothing that was typed before.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = {**shell.env, "PYTHONIOENCODING": "utf-8"}
    command = [*MESHD, "--home", str(shell.home), *words]
    with subprocess.Popen(
        command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if passphrase is not None and shown.endswith(b": "):
                os.write(ours, f"{passphrase}\n".encode())
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")
