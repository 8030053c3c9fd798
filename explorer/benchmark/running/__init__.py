"""What starts measuring processes, here and on a Ray cluster, and takes their results."""
