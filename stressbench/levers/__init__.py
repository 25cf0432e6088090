"""Levers, one file each, in folders by when they act: what may help a model with a prompt.

A lever's file binds the name ``PLUGIN``; the name of the file is the lever's name, whichever
sub-folder it is in. ``rewrite`` holds the levers that rewrite a text before it is sent.
"""
