"""What is started: the daemon with its control socket, and a home without one."""
