"""Whatever reaches the server late or twice, what the user moved last is what everything shows."""
