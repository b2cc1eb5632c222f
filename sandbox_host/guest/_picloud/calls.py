"""Calls of a script to the node's services."""

from __future__ import annotations

# The host reads and writes calls here: see host.py.
buffer = bytearray(64 * 1024)
