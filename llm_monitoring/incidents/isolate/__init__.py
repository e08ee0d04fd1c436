"""Step 3, isolate: suspects, likeliest first (`ranking.suspects`)."""
