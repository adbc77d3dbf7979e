"""Our output against slow, independent references."""
