r"""The losses, all on logits and all in nats. Each docstring is the equation.

Notation: :math:`r(x)` is D's ``real_logit`` of an image, :math:`\sigma` the sigmoid, :math:`f(x)` D's features,
:math:`z` a latent, and :math:`G(z)` a generated image. ``softplus(-r)`` equals :math:`-\log\sigma(r)`
without ever computing a sigmoid that could round to 0 or 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.config import GeneratorLoss
from sgan_utils.models import Belief


def supervised_loss(class_logits: Tensor, labels: Tensor) -> Tensor:
    r"""How wrong D is about which digit it sees: cross-entropy (Odena 2016, sec. 2).

    .. math:: -\mathbb{E}_{x,y} \log \mathrm{softmax}(l(x))_y

    Args:
        class_logits: l(x) for labelled real images, shape (batch, 10), any real numbers; no softmax before.
        labels: y, shape (batch,), int64, 0 to 9.

    Returns:
        A scalar, 0 or more; log 10 = 2.303 when D guesses.
    """
    return F.cross_entropy(class_logits, labels)


def unsupervised_loss(real_logit_on_real: Tensor, real_logit_on_generated: Tensor, smoothing: float = 0.0) -> Tensor:
    r"""How wrong D is about which images are real (Goodfellow et al. 2014, eq. 1; Salimans et al. 2016, sec. 5).

    .. math:: -\tfrac12\,\mathbb{E}_x \log\sigma(r(x)) \;-\; \tfrac12\,\mathbb{E}_z \log\bigl(1-\sigma(r(G(z)))\bigr)

    The halves make it the binary cross-entropy of one batch that is half real and half generated. With ``smoothing`` s,
    D should take real images to be real with probability 1 - s only (one-sided label smoothing, Salimans et al. 2016,
    sec. 3.4): the first half becomes

    .. math:: -\tfrac12\,\mathbb{E}_x \bigl[(1-s) \log\sigma(r(x)) + s \log\bigl(1-\sigma(r(x))\bigr)\bigr]

    Args:
        real_logit_on_real: r(x) for unlabelled real images, shape (batch,), any real numbers.
        real_logit_on_generated: r(G(z)), shape (batch,).
        smoothing: s, 0 to 0.5.

    Returns:
        A scalar, 0 or more; log 2 = 0.693 when D cannot tell.
    """
    # softplus(-r) = -log σ(r), and softplus(r) = softplus(-r) + r
    on_real = F.softplus(-real_logit_on_real) + smoothing * real_logit_on_real
    return 0.5 * on_real.mean() + 0.5 * F.softplus(real_logit_on_generated).mean()


def non_saturating_loss(real_logit_on_generated: Tensor) -> Tensor:
    r"""G is wrong when D is right, with a strong gradient even when D is sure (Goodfellow et al. 2014, sec. 3).

    .. math:: -\mathbb{E}_z \log\sigma(r(G(z)))

    Args:
        real_logit_on_generated: r(G(z)), shape (batch,).

    Returns:
        A scalar, 0 or more; log 2 = 0.693 when D cannot tell.
    """
    return F.softplus(-real_logit_on_generated).mean()


def saturating_loss(real_logit_on_generated: Tensor) -> Tensor:
    r"""The original two-player objective, which Odena uses (2016, sec. 2): G undoes what D gains.

    .. math:: \mathbb{E}_z \log\bigl(1-\sigma(r(G(z)))\bigr)

    It is minus twice the half of :func:`unsupervised_loss` that is about generated images: what one player wins, the
    other loses. Its gradient vanishes when D is sure that an image is generated: G then has nothing to learn from.

    Args:
        real_logit_on_generated: r(G(z)), shape (batch,).

    Returns:
        A scalar, 0 or less; -log 2 = -0.693 when D cannot tell.
    """
    return -F.softplus(real_logit_on_generated).mean()


def feature_matching_loss(features_on_real: Tensor, features_on_generated: Tensor) -> Tensor:
    r"""G's images should excite D's features as real ones do on average (Salimans et al. 2016, sec. 3.1).

    .. math:: \tfrac1n \bigl\lVert \mathbb{E}_x f(x) - \mathbb{E}_z f(G(z)) \bigr\rVert_2^2

    The mean over the n features, instead of their sum, keeps the size of the loss apart from the width of D.

    Args:
        features_on_real: f(x), shape (batch, n).
        features_on_generated: f(G(z)), shape (batch, n).

    Returns:
        A scalar, 0 or more.
    """
    return F.mse_loss(features_on_generated.mean(0), features_on_real.mean(0))


def generator_loss(kind: GeneratorLoss, on_real: Belief | None, on_generated: Belief) -> Tensor:
    """The loss of G that ``kind`` names.

    Args:
        kind: ``"non_saturating"``, ``"saturating"`` or ``"feature_matching"``.
        on_real: D's belief in unlabelled real images; used by feature matching only.
        on_generated: D's belief in generated images.

    Returns:
        A scalar in nats; for feature matching, a squared distance of features.
    """
    if kind == "feature_matching":
        assert on_real is not None
        return feature_matching_loss(on_real.features, on_generated.features)
    loss = {"non_saturating": non_saturating_loss, "saturating": saturating_loss}[kind]
    return loss(on_generated.real_logit)


def pseudo_label(class_logits: Tensor, confidence: float, balance: float = 0.0) -> tuple[Tensor, Tensor]:
    r"""D's own predictions as labels, where D is sure (Lee 2013, sec. 2.1; Sohn et al. 2020, sec. 2).

    With ``balance``, probabilities are first divided by their mean over the batch, so that a digit that D predicts too
    often loses and one that it seldom predicts gains: every digit is about a tenth of the images, which is known
    without any label (Berthelot et al. 2020, sec. 3.1).

    .. math:: q(x)_k \propto p(x)_k \,/\, \mathbb{E}_x[p(x)_k]^{b}, \qquad y(x) = \arg\max_k q(x)_k

    Args:
        class_logits: l(x) for unlabelled real images, shape (batch, 10); no gradient flows through them.
        confidence: q(x) of the winner from which on it counts, 0 to 1.
        balance: b, 0 to 1.

    Returns:
        y(x), shape (batch,), 0 to 9, and whether it counts, shape (batch,), booleans.
    """
    probability = class_logits.detach().softmax(1)
    smallest = torch.finfo(probability.dtype).tiny  # a digit that D never predicts must not divide 0 by 0
    probability = probability / probability.mean(0).clamp(min=smallest).pow(balance)
    probability = probability / probability.sum(1, keepdim=True)
    winner, pseudo_labels = probability.max(1)
    return pseudo_labels, winner >= confidence


def consistency_loss(class_logits_augmented: Tensor, pseudo_labels: Tensor, sure: Tensor) -> Tensor:
    r"""An image keeps its class when it is augmented: cross-entropy with pseudo-labels (Sohn et al. 2020, eq. 4).

    .. math:: -\mathbb{E}_x \bigl[\text{sure}(x) \, \log \mathrm{softmax}(l(\text{augmented } x))_{y(x)}\bigr]

    Args:
        class_logits_augmented: l of the augmented images, shape (batch, 10).
        pseudo_labels: y(x), shape (batch,), 0 to 9.
        sure: which of them count, shape (batch,), booleans.

    Returns:
        A scalar, 0 or more. The mean is over all images, so it starts small: D is seldom sure at first.
    """
    return (F.cross_entropy(class_logits_augmented, pseudo_labels, reduction="none") * sure).mean()
