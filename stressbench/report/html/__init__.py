"""One run or several as one self-contained HTML page.

``gather`` reads and reduces, ``view`` is what it makes, ``page`` writes it out with the
scripts in ``assets``, which draw and compute nothing. Figures are drawn by Observable
Plot on D3, both as published (``assets/vendor/README.md`` says which and how to renew them).
"""
