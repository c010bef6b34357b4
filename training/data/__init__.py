"""Data sets as arrays in memory, checked against their published checksums. One module per data set."""
