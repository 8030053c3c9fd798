"""Which networks there are: names, variants, weights and baselines."""
