"""The exercises' checks; the first line of each module names its lesson.

``checking`` is what all checks share, ``prediction`` is for predict-before-you-run, ``steps`` watches a learner's step.
"""
