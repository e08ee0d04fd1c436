"""Commands that run something: hours of the past, the demo, Dagster itself."""
