"""Measuring models and keeping what was measured: records, the store, exchange files and published figures."""
