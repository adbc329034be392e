"""Whom to meet: the node with its tasks, dialling, discovery, and what others see of it."""
