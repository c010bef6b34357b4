from . import layers
__version__ = "0.1"
