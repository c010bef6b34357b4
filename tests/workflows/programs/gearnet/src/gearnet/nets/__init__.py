from .dense import build

__all__ = ['build']
