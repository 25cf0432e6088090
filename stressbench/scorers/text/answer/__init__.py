"""Which part of what the model wrote is its answer."""
