"""How soon charts find a change, and how often they cry wolf: ours beside the field's.

`python -m benchmarks.detection` measures everything and writes results/detection.json and
docs/detection.md.
"""
