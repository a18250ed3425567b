"""Semi-supervised learning with generative adversarial networks: the package under the lessons."""

__version__ = "0.1.0"
