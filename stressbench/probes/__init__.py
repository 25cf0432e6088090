"""Probes, one file each: telemetry readings joined to requests."""
