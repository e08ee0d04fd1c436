"""Alerts: what the lake says is out of control becomes rows, and messages."""
