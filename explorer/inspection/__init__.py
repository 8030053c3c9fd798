"""What happens inside a network: maps, attention, fusions, receptive fields, attribution."""
