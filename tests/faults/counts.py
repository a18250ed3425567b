"""How many faults of each kind the tests have tried, for the summary at their end."""

from collections import Counter

TRIED: Counter[str] = Counter()
