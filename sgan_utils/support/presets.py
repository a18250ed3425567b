"""Every named configuration: the lessons' runs, the failures on purpose, and the methods that the studies compare.

A method is one fixed configuration for every number of labels: only the labels and the seed differ from run to run.
They were chosen on held-out training images, never on the test set.
"""

from __future__ import annotations

from typing import Any

# In what the studies differ from the lesson's run, which has to be quick; chosen on held-out images as well.
_STUDIES: dict[str, Any] = {"channels_d": (32, 64, 128), "input_noise": 0.3, "average_decay": 0.99}
# What the methods share that are compared with `sgan`: the same D, the same steps, the same labelled batches.
_COMMON: dict[str, Any] = _STUDIES | {"steps": 1000}
_WITHOUT_G: dict[str, Any] = {"unsupervised_weight": 0.0, "protocol": "labelled-only"}
# Labels spread over nearest neighbours teach D instead of the few true ones; a larger student ends the run.
_BEST: dict[str, Any] = _STUDIES | {
    "steps": 600,
    "augmentation": 1.0,
    "propagation": 0.3,
    "student_steps": 1000,
}

PRESETS: dict[str, dict[str, Any]] = {
    # The idea of the post, sized for two CPU cores. Chosen on held-out training images, never on the test set.
    "lesson": {},
    # 200 epochs, half of the labels, latent length 100, two heads, Adam, N(0, 0.02). Where the post is silent
    # (learning rates, batch size, channels), DCGAN's usual values stand in.
    "post": {
        "steps": 120_000,
        "batch_size": 100,
        "labelled_batch_size": 100,
        "learning_rate_decay": 0.0,
        "learning_rate_d": 2e-4,
        "learning_rate_g": 2e-4,
        "channels_g": (128, 64, 32),
        "channels_d": (64, 128, 256),
        "average_decay": 0.0,
        "head": "two_heads",
        "unsupervised_weight": 0.5,
        "input_noise": 0.0,
    },
    # A failure on purpose: D learns so much faster than G that G's images never fool it, and G learns nothing.
    "d_wins": {
        "steps": 150,
        "learning_rate_g": 2e-5,
        "learning_rate_decay": 0.0,
    },
    # A failure on purpose: G runs from one picture to the next, faster than a slow D can tell that all are the same.
    "mode_collapse": {
        "steps": 150,
        "head": "two_heads",
        "learning_rate_d": 5e-4,
        "learning_rate_g": 0.1,
        "adam_beta1": 0.9,
        "latent_size": 10,
        "weight_std": 0.1,
        "learning_rate_decay": 0.0,
        "input_noise": 0.0,
        "channels_d": (32, 64, 128),  # a smaller D does not let G run: it wins
    },
    # A failure on purpose: D's steps are so large that each overshoots what it aims at.
    "diverges": {"steps": 150, "learning_rate_d": 1.0, "learning_rate_decay": 0.0},
    # A failure on purpose: D ends with a softmax, and the cross-entropy applies one more.
    "softmax_twice": {"steps": 200, "softmax_twice": True},
    # --- Methods of the studies ---
    "cnn": _COMMON | _WITHOUT_G,
    "cnn+augmentation": _COMMON | _WITHOUT_G | {"augmentation": 1.0},
    "sgan": _COMMON,
    # Odena's own reading: 11 outputs, the original loss of G, and no other images than the labelled ones.
    "odena": _COMMON | {"head": "n_plus_1", "generator_loss": "saturating", "protocol": "labelled-only"},
    "odena, all-unlabelled": _COMMON | {"head": "n_plus_1", "generator_loss": "saturating"},
    "sgan, labelled-only": _COMMON | {"protocol": "labelled-only"},
    "sgan, two heads": _COMMON | {"head": "two_heads"},
    "sgan, n+1 outputs": _COMMON | {"head": "n_plus_1"},
    "sgan+feature-matching": _COMMON | {"generator_loss": "feature_matching"},
    "sgan+consistency": _COMMON | {"consistency_weight": 1.0},
    "sgan+augmentation": _COMMON | {"augmentation": 1.0},
    "sgan without noise": _COMMON | {"input_noise": 0.0},
    "sgan without averaging": _COMMON | {"average_decay": 0.0},
    "sgan, weak G": _COMMON | {"learning_rate_g": 1e-4},
    "sgan, strong G": _COMMON | {"channels_g": (128, 64, 32)},
    "best": _BEST,
    # Rivals without a generator, each with settings of its own.
    "cnn+consistency": _STUDIES
    | _WITHOUT_G
    | {
        "protocol": "all-unlabelled",
        "steps": 2500,
        "batch_size": 100,
        "learning_rate_d": 3e-3,
        "learning_rate_g": 3e-3,
        "average_decay": 0.995,
        "augmentation": 1.0,
        "consistency_weight": 1.0,
        "balance": 1.0,
    },
    # No network at all: labels spread over nearest neighbours among the directions of strokes.
    "propagation": _COMMON | _WITHOUT_G | {"supervised_weight": 0.0, "protocol": "all-unlabelled", "propagation": 0.3},
    # `best` without its G: a plain classifier and a student, taught by those spread labels.
    "cnn+propagation": _BEST | {"unsupervised_weight": 0.0},
    # The lesson's run with 30,000 labels and without any: what do labels do for G's images? In the number format that
    # all processors have.
    "lesson sgan": {"precision": "float32"},
    "lesson gan": {"precision": "float32", "supervised_weight": 0.0},
}

# What to look for in a run of each, in two sentences.
NOTES: dict[str, str] = {
    "lesson": "The run of lesson 3: D names more and more digits rightly while G's images turn from mush into digits. "
    "Watch D's two beliefs: they part slowly, and neither reaches 0 or 1, so neither player wins.",
    "post": "The source post's 200 epochs, which take hours on two cores; stop when you have seen enough. "
    "Watch how little changes from minute to minute, and how different G's strokes still are after many.",
    "d_wins": "D learns much faster than G, so its belief in generated images falls to 0 and stays there. "
    "G's loss climbs and its images stay mush: a teacher who only ever says “wrong” teaches nothing.",
    "mode_collapse": "G learns much faster than D and finds one picture that D falls for. "
    "Look at the samples: whatever the latent, G draws nearly the same, and a little later the same other thing.",
    "diverges": "D's learning rate is 250 times the lesson's: its first steps overshoot, and losses jump by hundreds. "
    "Look at the scale of the losses: the images alone hardly show it.",
    "softmax_twice": "D ends with a softmax, and the loss applies a second one: a mistake that raises no error. "
    "The supervised loss cannot fall below 1.46, although most digits are named rightly: look at both.",
}

METHODS = [name for name in PRESETS if name not in NOTES]  # in the order in which tables list them
