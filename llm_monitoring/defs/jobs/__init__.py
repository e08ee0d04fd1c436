"""Jobs: the hours, the weeks, the upkeep, and what people decide."""
