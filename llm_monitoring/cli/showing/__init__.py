"""Commands that only show: backtests, power, the state of the monitor, a sample message."""
