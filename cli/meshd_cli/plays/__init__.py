"""What `meshd demo` plays: people with homes and daemons of their own, driven from outside as persons would. No node
code is imported: what is shown is what everybody gets. A step that fails ends the play with exit code 1.
"""
