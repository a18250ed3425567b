"""The figures, one module a lesson."""
