"""Measuring models: what to measure and how, what it will take, and where the time goes."""
