"""Canaries: the same questions every week, and whether the answers changed."""
