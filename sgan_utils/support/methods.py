"""How the studies' methods are called in figures, tables and prose, and which of them are compared with which."""

from __future__ import annotations

# One name a method, in the words of the lessons and the post.
NAMES = {
    "cnn": "CNN",
    "cnn+augmentation": "CNN + augmentation",
    "sgan": "SGAN",
    "odena": "Odena's recipe",
    "odena, all-unlabelled": "Odena's recipe, all images",
    "sgan, labelled-only": "SGAN, labelled images only",
    "sgan, two heads": "SGAN, two heads",
    "sgan, n+1 outputs": "SGAN, 11 outputs",
    "sgan+feature-matching": "SGAN + feature matching",
    "sgan+consistency": "SGAN + consistency",
    "sgan+augmentation": "SGAN + augmentation",
    "sgan without noise": "SGAN without noise",
    "sgan without averaging": "SGAN without averaging",
    "sgan, weak G": "SGAN, weak G",
    "sgan, strong G": "SGAN, strong G",
    "best": "best SGAN",
    "cnn+consistency": "CNN + consistency",
    "propagation": "propagation, no network",
    "cnn+propagation": "best SGAN without G",
    "lesson sgan": "SGAN, 30,000 labels",
    "lesson gan": "GAN, no labels",
}

BEST = "best"
RIVAL = "cnn+propagation"  # the same recipe without its generator: what `best` has over it is what G adds
NO_NETWORK = "propagation"

# Which comparisons each study is there for: method and what it is compared with. They are read at once, so their
# p-values are corrected for their number.
COMPARISONS: dict[str, list[tuple[str, str]]] = {
    "table1": [
        *(("sgan", rival) for rival in ("cnn", "cnn+augmentation", "propagation")),
        *((BEST, rival) for rival in (RIVAL, NO_NETWORK, "cnn+consistency")),
    ],
    "tricks": [
        (method, "sgan")
        for method in NAMES
        if method.startswith("sgan") and method not in ("sgan", "sgan, labelled-only")
    ],
}


def plain_name(method: str) -> str:
    """What people call a method; what is no method of the studies keeps its name."""
    return NAMES.get(method, method)
