"""All statistics: exact tests, clustered resampling, power, multiplicity, trends.

``exact``       distributions, binomial bounds, McNemar, Tango's score interval
``effect``      the result of a comparison
``clusters``    per-cluster sums of two paired sides, and their effects
``resample``    the draws shared by permutation tests and bootstraps
``quantiles``   the same effects on percentiles
``power``       the smallest effect a comparison can find, and the items that would settle it
``multiple``    Holm, Benjamini-Hochberg
``trends``      false-alarm budget over a series of nights, change points
``logistic``    ridge logistic regression out of fold, and its AUROC
``saturation``  the knee of a load sweep

Nothing here knows about records or gates. Every function that draws takes a seed. No function
returns an interval of zero width: complete agreement in a sample does not prove agreement
outside it.
"""
