"""Label propagation: a few labels spread to all images over a graph of nearest neighbours, without any network.

Images that look alike have mostly the same class, so labels can spread from neighbour to neighbour (Zhou et al. 2004).
Neighbours are looked for among the directions of strokes, not among D's own features, because a view that D did not
make does not repeat D's mistakes.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.data import UNKNOWN, Batches, Sources
from sgan_utils.evaluation import believe
from sgan_utils.support.run import Run

NEIGHBOURS = 10
DIRECTIONS = 8  # of gradients, all around
CELL = 4  # pixels; an image is described by one histogram of directions a cell
COMPONENTS = 100  # numbers that PCA leaves of an image
WHITENING = 0.5  # 0 keeps the spread of each component, 1 makes all equal
ALPHA, ITERATIONS = 0.995, 100  # of the few true labels: how much comes from neighbours, and how often
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


def gradient_histograms(images: Tensor) -> Tensor:
    """Which way the ink rises, cell by cell: histograms of oriented gradients (Dalal and Triggs 2005, sec. 6).

    Unlike pixels, they change little when a stroke becomes thicker or moves by a pixel.

    Args:
        images: (n, channels, height, width), 0 to 1; gradients of several channels are added up.

    Returns:
        (n, features), 0 to 1. Their squares are of length 1, so that images with more ink are no further apart; the
        root makes few votes count as well (Arandjelovic and Zisserman 2012, sec. 2). All 0 for an image without edges.
    """
    grey = images.sum(1, keepdim=True)
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    gradient_x, gradient_y = F.conv2d(grey, torch.stack([sobel, sobel.T])[:, None], padding=1).split(1, dim=1)
    strength = (gradient_x**2 + gradient_y**2).sqrt()
    # Each pixel votes for the two directions between which its own lies, for the nearer one more.
    direction = torch.atan2(gradient_y, gradient_x) / (2 * torch.pi) * DIRECTIONS % DIRECTIONS
    lower = direction.floor()
    votes = torch.zeros(len(images), DIRECTIONS, *images.shape[2:])
    votes.scatter_add_(1, lower.long() % DIRECTIONS, strength * (1 - (direction - lower)))
    votes.scatter_add_(1, (lower.long() + 1) % DIRECTIONS, strength * (direction - lower))
    # Cells overlap by half, and the middle of each counts most.
    bell = torch.exp(-0.5 * ((torch.arange(2 * CELL) - CELL + 0.5) / (CELL / 2)) ** 2)
    window = torch.outer(bell, bell).expand(DIRECTIONS, 1, -1, -1)
    cells = F.conv2d(votes, window, stride=CELL, padding=CELL // 2, groups=DIRECTIONS)
    return F.normalize(cells.flatten(1)).sqrt()


class NeighbourGraph:
    """Images as nodes, each joined to its nearest neighbours; what is near weighs more.

    Args:
        images: (n, channels, height, width), uint8. Grey ones are deskewed first.

    Attributes:
        weights: (n, n), sparse and symmetric, normalised as in Zhou et al. 2004, sec. 2.
    """

    def __init__(self, images: Tensor) -> None:
        from sklearn.decomposition import PCA  # slow to import, seldom needed
        from sklearn.neighbors import NearestNeighbors

        features = self._features(images)
        self._pca = PCA(min(COMPONENTS, *features.shape), svd_solver="covariance_eigh").fit(features)
        self._stretch = self._pca.explained_variance_.clip(1e-12) ** (-WHITENING / 2)
        points = self._project(features)
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
        distance, place = self._nearest.kneighbors(self._project(self._features(images)))
        weight = self._weight(distance, self._scale_of(distance), place)[..., None]
        return (weight * scores[place]).sum(1) / weight.sum(1).clip(1e-12)

    def nearest(self, images: Tensor) -> np.ndarray:
        """The node that is most like each image, itself if it is a node: (images,)."""
        return self._nearest.kneighbors(self._project(self._features(images)), 1, return_distance=False)[:, 0]

    def _project(self, features: np.ndarray) -> np.ndarray:
        return self._pca.transform(features) * self._stretch

    @staticmethod
    def _features(images: Tensor) -> np.ndarray:
        seen = [deskew(some) if some.shape[1] == 1 else some.float() / 255 for some in images.cpu().split(5_000)]
        return torch.cat([gradient_histograms(some) for some in seen]).numpy()

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

    Attributes:
        shared_seconds: what building the graph took of one core, if another run in this process built it.
    """

    def __init__(self, sources: Sources) -> None:
        classes = len(sources.description.classes)
        self._graph, self.shared_seconds = _graph_of(sources.unlabelled_images)
        self._true = np.eye(classes, dtype=np.float32)[sources.labelled_labels.cpu().numpy()]
        self._starts_at = self._graph.nearest(sources.labelled_images)
        self._nodes = np.zeros((len(sources.unlabelled_images), classes), dtype=np.float32)
        self.spread_labels()

    def spread_labels(self) -> None:
        """Start from the few true labels alone; every class weighs the same."""
        start = np.zeros_like(self._nodes)
        np.add.at(start, self._starts_at, self._true / self._true.sum(0).clip(1))
        self._nodes = spread(self._graph, start, ALPHA, ITERATIONS)

    @property
    def probability(self) -> Tensor:
        """Of each class for each unlabelled image: (unlabelled, classes), float32."""
        return torch.from_numpy(self._nodes)

    def predict(self, images: Tensor) -> Tensor:
        """Classes of new images by their nearest neighbours: (n,), int64."""
        return torch.from_numpy(self._graph.at(images, self._nodes).argmax(1))

    def smooth(self, probability: Tensor) -> None:
        """Take D's predictions for the unlabelled images, (unlabelled, classes), made smoother by their neighbours."""
        start = probability.cpu().numpy().copy()
        start[self._starts_at] = self._true
        self._nodes = spread(self._graph, start, ALPHA_SMOOTH, ITERATIONS_SMOOTH)


_last_graph: dict[str, tuple[NeighbourGraph, float]] = {}  # by the images' digest; the runs of a study share it


def _graph_of(images: Tensor) -> tuple[NeighbourGraph, float]:
    """The graph of these images, and what it took of one core to build it earlier: 0 if it is built now."""
    digest = hashlib.sha1(images.cpu().contiguous().numpy().data, usedforsecurity=False).hexdigest()
    if digest in _last_graph:
        return _last_graph[digest]
    before = time.process_time()
    graph = NeighbourGraph(images)
    _last_graph.clear()  # a graph of 60,000 images holds 40 MB
    _last_graph[digest] = graph, time.process_time() - before
    return graph, 0.0


def propagation_of(run: Run) -> Propagation:
    """The propagation of a run's labels; building its graph takes some seconds, the first time only."""
    run.propagation = run.propagation or Propagation(run.sources)
    return run.propagation


class PropagatedBatches:
    """Labelled batches for a run, of the labelled images and of all unlabelled ones whose spread label is sure enough.

    The run has ``propagation_rounds`` + 1 equal parts. In the first, the spread labels teach D; at the beginning of
    each later part, D's own predictions, smoothed over the graph, take their place.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        parts = run.config.propagation_rounds + 1
        self._begins = {run.config.steps * part // parts for part in range(1, parts)}
        self._batches: Batches | None = None

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        """Images and labels of one step, as of :class:`sgan_utils.data.Batches`."""
        run = self._run
        propagation = propagation_of(run)  # made in the first step, so that its seconds count as training
        if run.spread_labels is None:
            self._take_labels(propagation)
        elif step in self._begins:
            belief = believe(run.classifier(), run.sources.unlabelled_images)
            propagation.smooth(belief.class_logits.softmax(1))
            self._take_labels(propagation)
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
