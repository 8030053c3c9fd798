"""Ablations: what a network loses, costs and sees when exactly one thing is taken out of it."""
