"""Stress-test language models and show why they degrade."""

__version__ = "0.1.0"
