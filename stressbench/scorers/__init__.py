"""Scorers, one file each: they judge a model's answer and return its quality.

A scorer's file binds the name ``PLUGIN``; the name of the file is the name used in a suite.
"""
