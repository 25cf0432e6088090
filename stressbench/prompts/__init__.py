"""Prompt classes, one file each, in folders by what they strain.

A class's file binds the name ``PLUGIN``; the name of the file is the name used in a suite,
whichever sub-folder it is in. ``base`` is what other packages use; ``build`` makes prompts of
exact length, ``material`` holds the texts and facts.
"""
