"""Windows: what is measured of each hour, its charts, and their baselines."""
