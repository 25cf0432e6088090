"""Sending requests on time: arrivals, concurrency, overload."""
