"""What is only read and told: costs, pictures, power, backtests."""
