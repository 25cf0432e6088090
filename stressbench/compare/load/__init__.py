"""Comparing what whole loads did: throughput, costs, goodput, the knees of sweeps."""
