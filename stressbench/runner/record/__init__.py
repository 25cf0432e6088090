"""How a finished request becomes a record, and a run its header."""
