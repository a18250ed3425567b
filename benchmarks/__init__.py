"""Speed, measured: ``make benchmark``. Tests assert no seconds; whatever takes time is measured here.

One module for each part, all listed in :mod:`benchmarks.runner`; :mod:`benchmarks.recipe` is what we compare with.
"""
