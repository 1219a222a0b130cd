"""The package of the src layout."""

from reviews.weights import balance

__all__ = ["balance"]
