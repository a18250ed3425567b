"""The exercises' checks, one module a lesson."""
