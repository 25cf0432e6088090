"""All statistics: exact tests, clustered resampling, power, multiplicity, series.

``exact``       distributions, binomial bounds, McNemar, Tango's score interval
``effect``      the result of a comparison
``drift``       how far two unchanged runs differ
``changes``     how clusters changed, and ``pairs`` how binary pairs did: what power follows from
``clusters``    per-cluster sums of two paired sides, and their effects
``resample``    the draws shared by permutation tests and bootstraps
``quantiles``   the same effects on percentiles
``levels``      one side held against a limit
``association`` whether a cause goes with a loss
``power``       the smallest effect a comparison can find, and the items that would settle it
``multiple``    Holm, Benjamini-Hochberg
``series/``     what follows in time: nights and their change points, repeats, the knee of a sweep
``logistic``    ridge logistic regression out of fold, and its AUROC

Nothing here knows about records or gates. Every function that draws takes a seed. No function
returns an interval of zero width: complete agreement in a sample does not prove agreement
outside it.
"""
