"""The paper on trial: its claims, and what the explorer computes or has measured for each."""
