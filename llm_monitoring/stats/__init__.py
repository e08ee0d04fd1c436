"""Arithmetic that has never heard of an LLM: NumPy and SciPy only, seeds are arguments."""
