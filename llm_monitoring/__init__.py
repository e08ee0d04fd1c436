"""Watches LLM features in production and says when quality, inputs, provider or cost changed."""
