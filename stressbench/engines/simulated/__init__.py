"""An engine whose time is computed: vLLM's scheduler as a simulation, made-up answers."""
