"""Every hyperparameter once: its range, its unit, and what it does.

Widgets, command-line options and documentation are generated from :class:`SGANConfig`,
so a range or an explanation is changed here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails

from sgan_utils.support.errors import ConfigError
from sgan_utils.support.presets import PRESETS

CLASSES = 10  # MNIST's digits, 0 to 9
IMAGE_SIZE = 28  # pixels, both ways
TRAINING_IMAGES = 60_000
Head = Literal["n", "n_plus_1", "two_heads"]
GeneratorLoss = Literal["non_saturating", "saturating", "feature_matching"]
Protocol = Literal["all-unlabelled", "labelled-only"]
Precision = Literal["auto", "float32", "bfloat16"]
FeatureMaps = Annotated[int, Field(ge=1, le=1024)]
Channels = tuple[FeatureMaps, FeatureMaps, FeatureMaps]


class SGANConfig(BaseModel):
    """A complete, immutable description of one training run.

    Raises:
        ConfigError: one sentence that names the field, its range and the value it was given.

    Example:
        >>> SGANConfig(labels=100, seed=1).labels
        100
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: str = Field(
        "MNIST", min_length=1, title="Data set",
        description="MNIST, FashionMNIST, KMNIST, or a folder of images: labelled/CLASS/…, unlabelled/…, test/CLASS/….",
    )  # fmt: skip
    labels: int = Field(
        30_000, ge=2, le=10_000_000, title="Labelled images",
        description="How many training images keep their label; the draw is balanced over the classes.",
        json_schema_extra={
            "unit": "images", "scale": "log", "slider_from": CLASSES, "slider_to": TRAINING_IMAGES,
            "allowed": f"between {CLASSES} and {TRAINING_IMAGES} (one for each class at least)",
        },
    )  # fmt: skip
    protocol: Protocol = Field(
        "all-unlabelled", title="Source of unlabelled images",
        description="all-unlabelled: every training image, without its label. labelled-only: just the labelled ones.",
    )  # fmt: skip
    held_out: int = Field(
        0, ge=0, le=20_000, title="Held-out images",
        description="Training images kept out of the run altogether, to choose hyperparameters on.",
        json_schema_extra={"unit": "images"},
    )  # fmt: skip
    seed: int = Field(
        0, ge=0, lt=2**31, title="Seed",
        description="Fixes the labelled draw, the initial weights, the order of the images and the latents.",
    )  # fmt: skip
    steps: int = Field(
        350, ge=1, le=1_000_000, title="Steps",
        description="How often D and G are each updated.",
        json_schema_extra={"unit": "steps", "scale": "log"},
    )  # fmt: skip
    labelled_batch_size: int = Field(
        50, ge=2, le=2_000, title="Labelled batch size",
        description="Labelled images in one step.",
        json_schema_extra={"unit": "images", "scale": "log"},
    )  # fmt: skip
    batch_size: int = Field(
        50, ge=2, le=2_000, title="Batch size",
        description="Unlabelled images, and as many generated ones, in one step.",
        json_schema_extra={"unit": "images", "scale": "log"},
    )  # fmt: skip
    latent_size: int = Field(
        100, ge=1, le=1_000, title="Latent length",
        description="How many random numbers G starts from.",
        json_schema_extra={"unit": "numbers"},
    )  # fmt: skip
    head: Head = Field(
        "n", title="Head of D",
        description="n: 10 outputs (Salimans). n_plus_1: 11 outputs (Odena). two_heads: 10 + 1 outputs (the post).",
    )  # fmt: skip
    generator_loss: GeneratorLoss = Field(
        "non_saturating", title="Loss of G",
        description="non_saturating: raise D's belief. saturating: the original objective (Odena). "
        "feature_matching: match the mean of D's features (Salimans).",
    )  # fmt: skip
    learning_rate_d: float = Field(
        4e-3, gt=0, le=1, title="D's learning rate",
        description="Step size of D's Adam. Too large and D wins at once: G then learns nothing.",
        json_schema_extra={"scale": "log", "slider_from": 1e-5},
    )  # fmt: skip
    learning_rate_g: float = Field(
        4e-3, gt=0, le=1, title="G's learning rate",
        description="Step size of G's Adam. Too large and G jumps back and forth between a few images.",
        json_schema_extra={"scale": "log", "slider_from": 1e-5},
    )  # fmt: skip
    learning_rate_decay: float = Field(
        0.7, ge=0, le=1, title="Learning-rate decay",
        description="The last part of the run, as a fraction, over which both learning rates fall evenly to 0; "
        "0 keeps them constant.",
    )  # fmt: skip
    adam_beta1: float = Field(
        0.5, ge=0, lt=1, title="Adam's first beta",
        description="How long Adam remembers the direction of earlier gradients; GANs take less than the usual 0.9.",
        json_schema_extra={"step": 0.01},
    )  # fmt: skip
    supervised_weight: float = Field(
        1.0, ge=0, le=10, title="Weight of the supervised loss",
        description="How much D cares about predicting the digit; 0 makes a plain GAN, which uses no label.",
    )  # fmt: skip
    unsupervised_weight: float = Field(
        1.0, ge=0, le=10, title="Weight of the unsupervised loss",
        description="How much D cares about telling real from generated; 0 makes a plain classifier.",
    )  # fmt: skip
    label_smoothing: float = Field(
        0.0, ge=0, le=0.5, title="Label smoothing",
        description="D should take real images to be real with a probability that is lower than 1 by this much; "
        "it keeps D from being too sure.",
    )  # fmt: skip
    softmax_twice: bool = Field(
        False, title="Softmax before the loss",
        description="A common mistake, to be watched: D ends with a softmax, and the loss applies one more.",
    )  # fmt: skip
    augmentation: float = Field(
        0.0, ge=0, le=2, title="Augmentation of labelled images",
        description="Labelled images are rotated, sheared, zoomed and shifted at random: 1 allows 15 degrees, 10 % and "
        "2 pixels; 0 leaves them as they are.",
    )  # fmt: skip
    input_noise: float = Field(
        0.1, ge=0, le=1, title="Noise on D's input",
        description="Standard deviation of the normal noise that is added to every image that D is trained on; "
        "paper to ink is 2.",
    )  # fmt: skip
    noise_decay: float = Field(
        0.0, ge=0, le=1, title="Noise decay",
        description="The first part of the run, as a fraction, over which the noise falls evenly to 0; 0 keeps it "
        "constant.",
    )  # fmt: skip
    consistency_weight: float = Field(
        0.0, ge=0, le=10, title="Weight of the consistency loss",
        description="How much D must predict one class for an image and its augmented copy; 0 leaves this out.",
    )  # fmt: skip
    consistency_augmentation: float = Field(
        1.5, ge=0, le=3, title="Augmentation of unlabelled images",
        description="How much the consistency loss augments an image, in the units of augmentation.",
        json_schema_extra={"step": 0.05},
    )  # fmt: skip
    consistency_start: float = Field(
        0.0, ge=0, lt=1, title="Start of consistency",
        description="The fraction of the run after which the consistency loss sets in: predictions from before D has "
        "learnt something are not worth learning from.",
        json_schema_extra={"step": 0.01},
    )  # fmt: skip
    confidence: float = Field(
        0.9, ge=0, le=1, title="Confidence of pseudo-labels",
        description="The consistency loss uses only images whose class D predicts with at least this probability.",
    )  # fmt: skip
    balance: float = Field(
        0.0, ge=0, le=1, title="Balance of pseudo-labels",
        description="How far pseudo-labels are pushed towards all classes equally often: 0 not at all, 1 all the way.",
    )  # fmt: skip
    propagation: float = Field(
        0.0, ge=0, le=1, title="Confidence of propagated labels",
        description="Labels spread over nearest neighbours teach D where they have at least this probability; 0 leaves "
        "them out.",
    )  # fmt: skip
    propagation_rounds: int = Field(
        0, ge=0, le=10, title="Rounds of propagation",
        description="How often D's predictions, smoothed over nearest neighbours, replace the propagated labels.",
    )  # fmt: skip
    student_steps: int = Field(
        0, ge=0, le=100_000, title="Steps of the student",
        description="At the end, a larger classifier learns from the labels that D gives unlabelled images, for so "
        "many batches of 100; 0 leaves it out.",
        json_schema_extra={"unit": "steps"},
    )  # fmt: skip
    weight_std: float = Field(
        0.02, gt=0, le=1, title="Spread of initial weights",
        description="Standard deviation of the normal distribution that the initial weights are drawn from.",
        json_schema_extra={"scale": "log", "slider_from": 1e-3},
    )  # fmt: skip
    channels_g: Channels = Field(
        (64, 32, 16), title="Channels of G",
        description="Feature maps at 7x7, 14x14 and 28x28 pixels.",
        json_schema_extra={"unit": "channels"},
    )  # fmt: skip
    channels_d: Channels = Field(
        (16, 32, 64), title="Channels of D",
        description="Feature maps at 14x14, 7x7 and 4x4 pixels.",
        json_schema_extra={"unit": "channels"},
    )  # fmt: skip
    average_decay: float = Field(
        0.98, ge=0, lt=1, title="Memory of D's averaged weights",
        description="The D that is evaluated is a moving average over about 1 / (1 - this) steps; 0 switches it off.",
        json_schema_extra={"step": 0.001},
    )  # fmt: skip
    precision: Precision = Field(
        "auto", title="Precision",
        description="Number format of the convolutions; auto takes bfloat16 where the hardware computes in it.",
    )  # fmt: skip

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ConfigError(_sentences(error)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise ConfigError(f"a configuration does not change: make another one with config.but({name}={value!r}).")

    @field_validator("labels")
    @classmethod
    def _fits_mnist(cls, labels: int, others: ValidationInfo) -> int:
        """Other data say only when they are loaded how many images and classes they have, see ``split_sources``."""
        if others.data.get("data") == "MNIST" and not CLASSES <= labels <= TRAINING_IMAGES:
            raise ValueError
        return labels

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.data == "MNIST" and self.labels > TRAINING_IMAGES - self.held_out:
            raise ValueError(
                f"labels must be at most {TRAINING_IMAGES - self.held_out} when held_out={self.held_out}, "
                f"got {self.labels}: lower one of the two"
            )
        return self

    @property
    def epochs(self) -> float:
        """Passes over MNIST's unlabelled images that ``steps`` amounts to; of other data, the run knows its ``epochs``.

        Raises:
            ConfigError: if the data are not MNIST.
        """
        if self.data != "MNIST":
            raise ConfigError(f"how many images {self.data} has is known once it is loaded: read the run's epochs.")
        unlabelled = self.labels if self.protocol == "labelled-only" else TRAINING_IMAGES - self.held_out
        return self.steps * self.batch_size / unlabelled

    @property
    def uses_generator(self) -> bool:
        """Whether G takes part; without an unsupervised loss, G is neither trained nor used."""
        return self.unsupervised_weight > 0

    @property
    def uses_consistency(self) -> bool:
        """Whether D must predict the same class for an unlabelled image and its augmented copy."""
        return self.consistency_weight > 0

    def but(self, **changes: Any) -> SGANConfig:
        """The same configuration with some fields changed (and checked, unlike ``model_copy``)."""
        return SGANConfig(**{**self.model_dump(), **changes})

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SGANConfig:
        """A named configuration, with some fields changed.

        Args:
            name: ``"lesson"`` (sized for two CPU cores), ``"post"`` (as the source post has it), a failure on
                purpose such as ``"d_wins"``, or a method of the studies such as ``"best"``.

        Raises:
            ConfigError: if there is no preset of that name, or a change is out of range.
        """
        if name not in PRESETS:
            raise ConfigError(f"there is no preset named {name!r}: choose one of {'; '.join(PRESETS)}.")
        return cls(**{**PRESETS[name], **changes})


def allowed(name: str) -> str:
    """The values that a field takes, in words, such as ``"between 10 and 60000 (one for each class at least)"``."""
    field = SGANConfig.model_json_schema()["properties"][name]
    if "allowed" in field:
        return field["allowed"]
    if "enum" in field:
        return "one of " + ", ".join(field["enum"])
    if field["type"] == "string":
        return "the name of a data set or a folder"
    if field["type"] == "boolean":
        return "true or false"
    if field["type"] == "array":
        each = field["prefixItems"][0]
        return f"three whole numbers between {each['minimum']} and {each['maximum']}"
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if "minimum" in field and "maximum" in field:
        return f"between {low} and {high}"
    above = "above" if "exclusiveMinimum" in field else "at least"
    below = "below" if "exclusiveMaximum" in field else "at most"
    return f"{above} {low} and {below} {high}"


def _sentences(error: ValidationError) -> str:
    return " ".join(dict.fromkeys(_sentence(problem) for problem in error.errors()))  # three channels, one sentence


def _sentence(problem: ErrorDetails) -> str:
    """One pydantic problem in words: which field, what is allowed, what it got, and how to set it."""
    if not problem["loc"]:  # raised by our own validator, already a sentence
        return f"{problem['ctx']['error']}."
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return f"there is no hyperparameter named {name!r}: the fields are {', '.join(SGANConfig.model_fields)}."
    whole = "a whole number " if problem["type"].startswith("int") and len(problem["loc"]) == 1 else ""
    number = "a number " if problem["type"] in ("float_parsing", "float_type", "finite_number") else ""
    return (
        f"{name} must be {whole}{number}{allowed(name)}, got {problem['input']!r}: "
        f"set SGANConfig({name}=...) or --{name.replace('_', '-')}."
    )
