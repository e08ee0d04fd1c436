"""The outside world: logs, models, embedders, channels and price tables."""
