"""What content costs in tokens, and where: the measurements of ``stressbench tokens``.

``measure`` counts one text, ``kinds`` says what it consists of, ``hotspots`` where it is
expensive. ``files`` measures documents in child processes (``isolation``), and ``glitch``
finds under-trained tokens in a model's weights.
"""
