"""What a terminal shows while a command works: the plan, the preparation, the live view."""
