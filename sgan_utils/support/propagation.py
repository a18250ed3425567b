"""Label propagation: a few labels spread to all images over a graph of nearest neighbours, without any network.

Images that look alike have mostly the same class, so labels can spread from neighbour to neighbour (Zhou et al. 2004).
Neighbours are looked for among deskewed pixels, not among D's own features, because a view that D did not make does not
repeat D's mistakes.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.data import UNKNOWN, Batches, Sources
from sgan_utils.evaluation import believe
from sgan_utils.support.run import Run

NEIGHBOURS = 10
COMPONENTS = 50  # numbers that PCA leaves of an image
ALPHA, ITERATIONS = 0.99, 100  # of the few true labels: how much comes from neighbours, and how often
ALPHA_SMOOTH, ITERATIONS_SMOOTH = 0.9, 20  # of D's predictions, which need only be smoothed


def deskew(images: Tensor) -> Tensor:
    """Images centred and made upright by their moments: the covariance of x and y becomes 0.

    Args:
        images: (n, 1, height, width), uint8, 0 paper to 255 ink.

    Returns:
        (n, 1, height, width), float32, 0 to 1.
    """
    ink = images.float() / 255
    height, width = ink.shape[2:]
    y, x = torch.arange(height).float().view(1, 1, -1, 1), torch.arange(width).float().view(1, 1, 1, -1)
    mass = ink.sum((1, 2, 3)).clamp(min=1e-6)

    def mean(values: Tensor) -> Tensor:
        return (ink * values).sum((1, 2, 3)) / mass

    centre_y, centre_x = mean(y), mean(x)
    off_y, off_x = y - centre_y.view(-1, 1, 1, 1), x - centre_x.view(-1, 1, 1, 1)
    slant = mean(off_x * off_y) / mean(off_y**2).clamp(min=1e-6)
    affine = torch.zeros(len(ink), 2, 3)
    affine[:, 0, 0] = affine[:, 1, 1] = 1
    affine[:, 0, 1] = slant * height / width
    affine[:, 0, 2] = (centre_x - (width - 1) / 2) * 2 / width
    affine[:, 1, 2] = (centre_y - (height - 1) / 2) * 2 / height
    return F.grid_sample(ink, F.affine_grid(affine, list(ink.shape), align_corners=False), align_corners=False)


class NeighbourGraph:
    """Images as nodes, each joined to its nearest neighbours; what is near weighs more.

    Args:
        images: (n, channels, height, width), uint8. Grey ones are deskewed.

    Attributes:
        weights: (n, n), sparse and symmetric, normalised as in Zhou et al. 2004, sec. 2.
    """

    def __init__(self, images: Tensor) -> None:
        from sklearn.decomposition import PCA  # slow to import, seldom needed
        from sklearn.neighbors import NearestNeighbors

        pixels = self._pixels(images)
        self._pca = PCA(min(COMPONENTS, *pixels.shape), svd_solver="covariance_eigh").fit(pixels)
        points = self._pca.transform(pixels)
        self._nearest = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points) - 1)).fit(points)
        distance, place = self._nearest.kneighbors()  # of the nodes themselves, without each its own neighbour
        self._scale = self._scale_of(distance)
        count = len(points)
        ends = np.repeat(np.arange(count), distance.shape[1]), place.ravel()
        near = sparse.csr_matrix((self._weight(distance, self._scale, place).ravel(), ends), shape=(count, count))
        near = near.maximum(near.T)
        root = sparse.diags(1 / np.sqrt(np.asarray(near.sum(1)).ravel().clip(1e-12)))
        self.weights = (root @ near @ root).tocsr().astype(np.float32)

    def at(self, images: Tensor, scores: np.ndarray) -> np.ndarray:
        """Scores of new images: the weighted mean over their nearest nodes, (new images, classes)."""
        distance, place = self._nearest.kneighbors(self._pca.transform(self._pixels(images)))
        weight = self._weight(distance, self._scale_of(distance), place)[..., None]
        return (weight * scores[place]).sum(1) / weight.sum(1).clip(1e-12)

    @staticmethod
    def _pixels(images: Tensor) -> np.ndarray:
        seen = [deskew(some) if some.shape[1] == 1 else some.float() / 255 for some in images.cpu().split(5_000)]
        return torch.cat(seen).flatten(1).numpy()

    @staticmethod
    def _scale_of(distance: np.ndarray) -> np.ndarray:
        """The distance to the middle one of the neighbours: a measure of how dense the images lie here."""
        return distance[:, distance.shape[1] // 2 - 1] + 1e-12

    def _weight(self, distance: np.ndarray, scale: np.ndarray, place: np.ndarray) -> np.ndarray:
        return np.exp(-(distance**2) / (scale[:, None] * self._scale[place]))


def spread(graph: NeighbourGraph, start: np.ndarray, alpha: float, iterations: int) -> np.ndarray:
    r"""Spread scores over the graph (Zhou et al. 2004, sec. 2).

    .. math:: F \leftarrow \alpha W F + (1 - \alpha) F_0

    Args:
        graph: of n images.
        start: F_0, (n, classes), 0 or more.
        alpha: how much comes from the neighbours, 0 to 1.
        iterations: how often.

    Returns:
        Probabilities, (n, classes), in which all classes are about equally frequent.
    """
    scores = start = start.astype(np.float32)
    for _ in range(iterations):
        scores = alpha * (graph.weights @ scores) + (1 - alpha) * start
    scores = scores / scores.sum(1, keepdims=True).clip(1e-30)
    scores = scores / scores.sum(0).clip(1e-30)  # each class has the same mass (Zhu et al. 2003, sec. 4)
    return scores / scores.sum(1, keepdims=True).clip(1e-30)


class Propagation:
    """The labels of a run's labelled images, spread to the unlabelled ones.

    Args:
        sources: of the run.
    """

    def __init__(self, sources: Sources) -> None:
        self._labels = sources.labelled_labels.cpu().numpy()
        self._labelled = len(self._labels)
        self._classes = len(sources.description.classes)
        self._graph = NeighbourGraph(torch.cat([sources.labelled_images, sources.unlabelled_images]))
        unlabelled = np.zeros((len(sources.unlabelled_images), self._classes))
        frequency = np.bincount(self._labels, minlength=self._classes)
        start = np.concatenate([self._true() / frequency.clip(1), unlabelled])
        self._nodes = spread(self._graph, start, ALPHA, ITERATIONS)

    @property
    def probability(self) -> Tensor:
        """Of each class for each unlabelled image: (unlabelled, classes), float32."""
        return torch.from_numpy(self._nodes[self._labelled :])

    def predict(self, images: Tensor) -> Tensor:
        """Classes of new images by their nearest neighbours: (n,), int64."""
        return torch.from_numpy(self._graph.at(images, self._nodes).argmax(1))

    def smooth(self, probability: Tensor) -> None:
        """Take D's predictions for the unlabelled images, (unlabelled, classes), made smoother by their neighbours."""
        start = np.concatenate([self._true(), probability.cpu().numpy()])
        self._nodes = spread(self._graph, start, ALPHA_SMOOTH, ITERATIONS_SMOOTH)

    def _true(self) -> np.ndarray:
        return np.eye(self._classes)[self._labels]


class PropagatedBatches:
    """Labelled batches for a run, of the labelled images and of all unlabelled ones whose spread label is sure enough.

    The run has ``propagation_rounds`` + 1 equal parts. In the first, the spread labels teach D; at the beginning of
    each later part, D's own predictions, smoothed over the graph, take their place.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._propagation: Propagation | None = None  # made in the first step, so that its seconds count as training
        parts = run.config.propagation_rounds + 1
        self._begins = {run.config.steps * part // parts for part in range(1, parts)}
        self._batches: Batches | None = None

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        """Images and labels of one step, as of :class:`sgan_utils.data.Batches`."""
        run = self._run
        self._propagation = self._propagation or Propagation(run.sources)
        if run.spread_labels is None:
            self._take_labels(self._propagation)
        elif step in self._begins:
            belief = believe(run.classifier(), run.sources.unlabelled_images)
            self._propagation.smooth(belief.class_logits.softmax(1))
            self._take_labels(self._propagation)
        if self._batches is None:
            self._batches = self._made()
        return self._batches[step]

    def _take_labels(self, propagation: Propagation) -> None:
        probability, labels = propagation.probability.max(1)
        self._run.spread_labels = labels.where(probability >= self._run.config.propagation, UNKNOWN)
        self._batches = None

    def _made(self) -> Batches:
        sources, config, labels = self._run.sources, self._run.config, self._run.spread_labels
        assert labels is not None
        labels = labels.to(self._run.device)
        images = torch.cat([sources.labelled_images, sources.unlabelled_images[labels != UNKNOWN]])
        labels = torch.cat([sources.labelled_labels, labels[labels != UNKNOWN]])
        return Batches((images, labels), config.labelled_batch_size, 2 * config.seed)
