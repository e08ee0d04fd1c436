"""Asset checks, and how their results are reported hour by hour."""
