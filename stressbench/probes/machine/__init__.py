"""Probes of the machine: GPU counters (NVML) and the engine's processes (``/proc``)."""
