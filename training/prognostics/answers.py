"""What is asked about a window, and what is answered: the columns of y and of a net's output."""

REMAINING, REMAINING_KNOWN, FAILS, FAILS_KNOWN, CAP, UNIT, LAST, AGE = range(8)
"""Columns of y. UNIT counts the units of a split from 0; LAST is 1 in the last row of a unit's record; AGE is the time
since its first row.
"""

LIFE, LOG_ODDS = range(2)
"""Columns of what the net says."""
