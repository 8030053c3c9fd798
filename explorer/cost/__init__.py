"""What a variant costs, in closed form: parameters, work, memory."""
