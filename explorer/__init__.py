"""What the explorer computes: cost, maps, receptive fields and measurements of HRFormer variants."""
