"""An engine whose time is computed: a simulation of vLLM's scheduler, with made-up answers."""
