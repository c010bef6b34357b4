"""Which tooth is worn."""

__version__ = "0.3.1"
