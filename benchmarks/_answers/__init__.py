"""Answers with a label given by a person, and how scorers agree with the labels."""
