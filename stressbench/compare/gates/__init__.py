"""Which cases a gate asks about, and gates without a base."""
