"""A serving engine as a discrete-event simulation. Pure: no clock, no asyncio, no model."""
