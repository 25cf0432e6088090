"""One run or several as one self-contained HTML page.

``stressbench.report.model`` reads and reduces; ``write`` puts its result into the page together
with the scripts in ``assets``, which only draw. Figures are drawn by Observable
Plot on D3, both as published (``assets/vendor/README.md`` names the versions).
"""
