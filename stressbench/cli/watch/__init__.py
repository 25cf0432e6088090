"""What a terminal shows of a run before and during it: plan, preparation, live view."""
