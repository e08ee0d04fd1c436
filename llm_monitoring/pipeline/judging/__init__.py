"""The sample, its judge, and what a judge costs."""
