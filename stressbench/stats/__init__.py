"""The only statistics: exact tests, clustered resampling, power, multiplicity, nights.

``exact``       distributions, binomial bounds, McNemar, Tango's score interval
``effect``      what a comparison found
``clusters``    per-cluster sums of two paired sides, and their effects
``resample``    the draws that permutation tests and bootstraps share
``quantiles``   the same effects on percentiles
``power``       smallest effect a comparison can find, items that would settle it
``multiple``    Holm, Benjamini-Hochberg
``nights``      alpha spent over a series of nights, change points

Nothing here knows what a record or a gate is. Every function that draws takes a seed,
and none answers with an interval of zero width: agreement of everything that was seen
says nothing certain of what was not.
"""
