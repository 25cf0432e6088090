"""Probes, one file or folder each: telemetry joined to requests."""
