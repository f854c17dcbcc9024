"""The `kasparro` command. Data goes to stdout; progress, notes and errors go to stderr.

A module of a command imports what it needs only when the command runs, so that help answers at once.
"""
