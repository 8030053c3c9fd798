"""A measured value and where it is kept: records, trainings, the store and CSV files."""
