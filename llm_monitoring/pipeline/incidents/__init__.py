"""Incidents: opened, investigated, worked by people, written down."""
