"""The field's own charts on our baselines, for comparison: none keeps a false-alarm budget."""
