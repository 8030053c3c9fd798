"""What all sessions of one server share: memory, values, and the generator of random numbers."""
