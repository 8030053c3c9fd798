"""Ways to run a model's forward pass, and its export to ONNX."""
