"""The exercises' checks: each runs the learner's function on real cases and answers in words.

A check never raises and never prints a stack: it says what was asked, what came back, and what to look at.
It returns whether the exercise is solved, so that the solutions can be asserted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgan_utils.config import CLASSES, SGANConfig
from sgan_utils.models import build_models, count_parameters, n_plus_1_head


class _NotYetError(Exception):
    """Carries the sentence that tells the learner what is not right yet."""


def _check(examine: Callable[[], str]) -> bool:
    try:
        print("✓", examine())
    except _NotYetError as reason:
        print("Not yet:", reason)
        return False
    except Exception as error:  # whatever the learner's code may raise
        print(f"Not yet: your function raised {type(error).__name__}: {error}")
        return False
    return True


def _call(function: Callable, *arguments: object) -> object:
    answer = function(*arguments)
    if answer is None or answer is ...:
        raise _NotYetError("your function returns nothing. Replace the dots, and `return` the answer.")
    return answer


def _need(condition: object, reason: str) -> None:
    if not bool(condition):
        raise _NotYetError(reason)


def _need_tensor(answer: object, shape: tuple[int, ...]) -> Tensor:
    _need(isinstance(answer, Tensor), f"a tensor is wanted, your function returns a {type(answer).__name__}.")
    _need(tuple(answer.shape) == shape, f"the answer should have shape {shape}, yours has shape {tuple(answer.shape)}.")
    return answer


def check_to_model_range(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 1: bytes from 0 to 255 become floats from -1 to 1."""

    def examine() -> str:
        pixels = torch.tensor([[0, 51, 204, 255]], dtype=torch.uint8)
        answer = _need_tensor(_call(function, pixels), (1, 4))
        _need(answer.is_floating_point(), f"the answer should hold floats, yours holds {answer.dtype}.")
        low, high = answer.min().item(), answer.max().item()
        _need(low >= -1.001 and high <= 1.001, f"values should lie from -1 to 1, yours from {low:.3g} to {high:.3g}.")
        _need(abs(low + 1) < 1e-4, f"paper (0) should become -1, yours becomes {answer[0, 0].item():.3g}.")
        wanted = torch.tensor([[-1.0, -0.6, 0.6, 1.0]])
        _need(torch.allclose(answer.float(), wanted, atol=1e-4), f"[0, 51, 204, 255] became {answer[0].tolist()}.")
        _need(pixels[0, 3] == 255, "your function changes the images it is given; work on a copy.")
        return "0 becomes -1 and 255 becomes 1, with everything else in between: the range of G's tanh."

    return _check(examine)


def check_balanced_draw(function: Callable[[Tensor, int], Tensor]) -> bool:
    """Lesson 1: indices of ``per_class`` images of each digit, without replacement."""

    def examine() -> str:
        labels = torch.randint(CLASSES, (2_000,), generator=torch.Generator().manual_seed(0))
        for per_class in (1, 10):
            answer = _need_tensor(_call(function, labels, per_class), (CLASSES * per_class,))
            _need(len(answer.unique()) == len(answer), f"{len(answer) - len(answer.unique())} images are drawn twice.")
            counts = torch.bincount(labels[answer], minlength=CLASSES).tolist()
            _need(set(counts) == {per_class}, f"asked for {per_class} of each digit, the digits 0 to 9 got {counts}.")
        return "every digit gets the same number of images, and none is drawn twice."

    return _check(examine)


def check_output_size(function: Callable[[int, int, int, int], int]) -> bool:
    """Lesson 2: how many pixels a convolution leaves, from size, kernel, stride and padding."""

    def examine() -> str:
        for size, kernel, stride, padding in ((28, 3, 1, 1), (28, 5, 2, 2), (14, 5, 2, 2), (7, 3, 2, 1), (28, 4, 3, 0)):
            wanted = nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size)).shape[-1]
            answer = _call(function, size, kernel, stride, padding)
            _need(
                answer == wanted,
                f"size {size}, kernel {kernel}, stride {stride}, padding {padding}: PyTorch leaves {wanted} pixels, "
                f"your function says {answer}.",
            )
            _need(isinstance(answer, int), f"pixels are whole: return an int, not {answer!r} (// divides so).")
        return "your formula agrees with PyTorch on five convolutions, D's own three among them."

    return _check(examine)


def check_probability_real(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 2: from 11 outputs (the last one "generated") to the probability that an image is real."""

    def examine() -> str:
        outputs = torch.randn(6, CLASSES + 1, generator=torch.Generator().manual_seed(0))
        answer = _need_tensor(_call(function, outputs), (6,)).float()
        _need(((answer >= 0) & (answer <= 1)).all(), f"a probability lies from 0 to 1, yours are {answer.tolist()}.")
        wanted = n_plus_1_head(outputs, outputs).real_logit.sigmoid()
        _need(
            not torch.allclose(answer, 1 - wanted, atol=1e-5),
            "that is the probability of *generated*; real is the rest.",
        )
        difference = (answer - wanted).abs().max().item()
        _need(difference < 1e-5, f"the largest difference from the 11-way softmax is {difference:.3g}.")
        return "the ten digits' shares of the 11-way softmax add up to P(real), just as sigmoid(real_logit) says."

    return _check(examine)


def check_cross_entropy(function: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Lesson 3: cross-entropy from logits and labels, also for very large logits."""

    def examine() -> str:
        generator = torch.Generator().manual_seed(0)
        logits, labels = torch.randn(8, CLASSES, generator=generator), torch.arange(8)
        answer, wanted = _need_tensor(_call(function, logits, labels), ()), F.cross_entropy(logits, labels)
        _need(abs(answer + wanted) > 1e-4, "the sign is wrong: a probability's log is negative, a loss is not.")
        _need(abs(answer - wanted * 8) > 1e-4, "that is the sum over the batch; the loss is its mean.")
        _need(abs(answer - wanted) < 1e-4, f"it should be {wanted:.4f} for our batch, yours is {answer:.4f}.")
        large = _call(function, 1000 * logits, labels)
        wanted = F.cross_entropy(1000 * logits, labels)
        _need(
            abs(large - wanted) < 1e-3 * wanted,
            f"right for small logits, but for logits in the thousands it should be {wanted:.0f} and yours is "
            f"{large:.3g}: use torch.logsumexp or log_softmax instead of log(softmax).",
        )
        return "equal to F.cross_entropy, and it stays finite for logits in the thousands."

    return _check(examine)


def check_generator_step(function: Callable[..., Tensor]) -> bool:
    """Lesson 3: one update of G by ``function(G, D, optimizer, latent)``, which returns G's loss."""

    def examine() -> str:
        config = SGANConfig(channels_g=(8, 8, 8), channels_d=(8, 8, 8), seed=0)
        generator, discriminator = build_models(config)
        optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3)
        latent = torch.randn(32, config.latent_size, generator=torch.Generator().manual_seed(0))
        before = {name: value.clone() for name, value in discriminator.named_parameters()}
        start = {name: value.clone() for name, value in generator.named_parameters()}
        losses = [_need_tensor(_call(function, generator, discriminator, optimizer, latent), ()) for _ in range(8)]
        moved = sum(not torch.equal(value, start[name]) for name, value in generator.named_parameters())
        _need(moved, "G did not change: is backward() called, and optimizer.step()? Is there a detach too many?")
        kept = all(torch.equal(value, before[name]) for name, value in discriminator.named_parameters())
        _need(kept, "D changed: this step must teach G only.")
        with torch.no_grad():
            first = F.softplus(-build_models(config)[1](build_models(config)[0](latent)).real_logit).mean()
        _need(
            abs(losses[0].item() - first.item()) < 1e-3,
            f"the first loss should be mean softplus(-real_logit) = {first:.4f}, yours is {losses[0].item():.4f}.",
        )
        _need(losses[-1] < losses[0], "G's loss does not fall: are old gradients cleared by zero_grad()?")
        grown = _gradients_add_up(function)
        _need(not grown, "gradients of earlier steps are still there: call optimizer.zero_grad() before backward().")
        return (
            f"in 8 steps G's loss fell from {losses[0].item():.2f} to {losses[-1].item():.2f}; "
            f"{count_parameters(generator):,} numbers of G moved, none of D's."
        )

    return _check(examine)


def _gradients_add_up(function: Callable[..., Tensor]) -> bool:
    """Whether the step leaves the gradient of a step that went before in the sum."""
    config = SGANConfig(channels_g=(4, 4, 4), channels_d=(4, 4, 4))
    latent = torch.randn(8, config.latent_size, generator=torch.Generator().manual_seed(1))
    gradients = []
    for leftover in (0.0, 100.0):
        generator, discriminator = build_models(config)
        for parameter in generator.parameters():
            parameter.grad = torch.full_like(parameter, leftover)
        function(generator, discriminator, torch.optim.SGD(generator.parameters(), lr=0.0), latent)
        gradients.append(generator.project.weight.grad)
    if gradients[1] is None:  # cleared, but only after the step
        return True
    return not torch.allclose(gradients[0], gradients[1], atol=1e-3)


def check_per_class_accuracy(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 4: from a confusion matrix (rows are true digits) to the accuracy of each digit."""

    def examine() -> str:
        matrix = torch.tensor([[8, 2, 0], [1, 9, 10], [0, 0, 5]])
        answer = _need_tensor(_call(function, matrix), (3,)).double()
        wanted = torch.tensor([0.8, 0.45, 1.0], dtype=torch.float64)
        by_column = matrix.diagonal() / matrix.sum(0)
        _need(
            not torch.allclose(answer, by_column.double(), atol=1e-4),
            "you divide by the column's sum, how often a digit was *named*; divide by how often it *was* that digit.",
        )
        _need(torch.allclose(answer, wanted, atol=1e-4), f"it should be {wanted.tolist()}, yours is {answer.tolist()}.")
        return "each row's diagonal entry over the row's sum."

    return _check(examine)


def check_most_confused(function: Callable[[Tensor], tuple[int, int]]) -> bool:
    """Lesson 4: from a confusion matrix to the pair (true digit, named digit) of the most frequent mistake."""

    def examine() -> str:
        matrix = torch.tensor([[90, 3, 7], [1, 80, 2], [4, 9, 70]])
        for case, wanted in ((matrix, (2, 1)), (matrix.T.contiguous(), (1, 2))):
            answer = _call(function, case)
            pair = _whole_numbers(answer)
            _need(len(pair) == 2, f"two digits are wanted, your function returns {answer!r}.")
            _need(pair[0] != pair[1], f"{pair} lies on the diagonal: those are the right answers. Leave them out.")
            _need(pair != wanted[::-1], "the true digit (row) comes first, the named one (column) second.")
            _need(pair == wanted, f"for {case.tolist()} it should be {wanted}, yours is {pair}.")
        return "the largest entry off the diagonal, true digit first."

    return _check(examine)


def _whole_numbers(answer: object) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in answer)
    except TypeError:  # not several numbers, but one, or something else
        return ()


def check_confidence_interval(function: Callable[[Tensor], tuple[float, float]]) -> bool:
    """Lesson 6: from paired differences to the 95% confidence interval of their mean."""

    def examine() -> str:
        differences = torch.tensor([0.04, 0.10, 0.01, 0.07, 0.03, 0.05, 0.09, 0.02, 0.06, 0.03], dtype=torch.float64)
        mean, error = differences.mean(), differences.std() / len(differences) ** 0.5
        wanted = (float(mean - 2.262 * error), float(mean + 2.262 * error))
        answer = _call(function, differences)
        two = isinstance(answer, tuple | list) or (isinstance(answer, Tensor) and answer.dim() == 1)
        _need(two and len(answer) == 2, "return two numbers: the low end and the high end.")
        low, high = float(answer[0]), float(answer[1])
        _need(low < high, f"the low end comes first, yours are {low:.4f} and {high:.4f}.")
        width, right = high - low, wanted[1] - wanted[0]
        _need(
            abs((low + high) / 2 - mean) < 1e-6,
            f"the interval should lie around the mean of the differences, {mean:.3f}.",
        )
        spread = 2 * 2.262 * differences.std()
        _need(
            abs(width - spread) > 1e-3,
            "that is the spread of single runs; the mean of n of them is surer by a factor of √n.",
        )
        _need(abs(width - right / 10**0.5) > 1e-4, "divide the standard deviation by √n, not by n.")
        _need(
            abs(width - right / 2.262) > 1e-4,
            "that is one standard error on each side; for 95% take 2.262 of them.",
        )
        _need(
            abs(width - right * (9 / 10) ** 0.5) > 1e-4,
            "your standard deviation divides by n; for a sample it is n - 1 (torch's std() does that).",
        )
        _need(
            abs(width - right * 1.96 / 2.262) > 1e-4,
            "1.96 is right for very many runs; with ten, take 2.262 from Student's t.",
        )
        _need(
            abs(width - right) < 1e-4,
            f"it should be {wanted[0]:.4f} to {wanted[1]:.4f}, yours is {low:.4f} to {high:.4f}.",
        )
        return f"from {low:.3f} to {high:.3f}: a gain above zero, with ten seeds' worth of doubt."

    return _check(examine)


def check_best_of(function: Callable[[Tensor, int], float]) -> bool:
    """Lesson 6: the accuracy that is reported, on average, by whoever runs ``tries`` seeds and reports the best."""

    def examine() -> str:
        accuracies = torch.tensor([0.70, 0.90, 0.80, 0.60], dtype=torch.float64)
        for tries, wanted in ((1, 0.75), (2, 0.8125), (8, 0.8897)):
            answer = float(_call(function, accuracies, tries))
            _need(abs(answer - 0.9) > 1e-4, "that is the best of all; with a few tries one is not always so lucky.")
            _need(
                tries != 2 or abs(answer - 0.8333) > 0.008,
                "do you draw without putting back? The same run may come twice.",
            )
            _need(tries != 2 or abs(answer - 0.725) > 0.008, "sort the accuracies first: the i worst come first.")
            _need(
                abs(answer - wanted) < 0.01,  # whoever draws has a little luck, too
                f"for {accuracies.tolist()} and tries={tries} it should be {wanted:.3f}, yours is {answer:.3f} "
                "(if you draw, draw ten thousand times).",
            )
        return "one try gives the mean, many tries come near the best: luck that can be bought."

    return _check(examine)


def check_pseudo_labels(function: Callable[[Tensor, float], tuple[Tensor, Tensor]]) -> bool:
    """Lesson 7: from class logits to what D names each image, and whether it is sure enough."""

    def examine() -> str:
        probability = torch.tensor([[0.97, 0.02, 0.01], [0.30, 0.36, 0.34], [0.04, 0.04, 0.92], [0.05, 0.90, 0.05]])
        logits = (probability.log() + torch.tensor([[3.0], [-2.0], [0.5], [8.0]])).requires_grad_()
        answer = _call(function, logits, 0.91)
        _need(isinstance(answer, tuple | list) and len(answer) == 2, "return two tensors: the labels, and who is sure.")
        named, sure = _need_tensor(answer[0], (4,)), _need_tensor(answer[1], (4,))
        _need(
            not named.is_floating_point(),
            "the first should be digits, whole numbers: max(1) gives the probability first, then the digit.",
        )
        _need(named.tolist() == [0, 1, 2, 1], f"the labels should be [0, 1, 2, 1], yours are {named.tolist()}.")
        _need(
            sure.dtype == torch.bool,
            "the second should say yes or no for each image: compare its probability with the confidence.",
        )
        _need(
            sure.bool().tolist() != (logits.max(1).values >= 0.91).tolist(),
            "you compare logits with the confidence; it is a probability: softmax first.",
        )
        _need(
            sure.bool().tolist() == [True, False, True, False],
            f"with confidence 0.91, sure should be [True, False, True, False], yours is {sure.tolist()}.",
        )
        return "the argmax, and whether its probability is large enough."

    return _check(examine)


def check_moving_average(function: Callable[[Tensor, Tensor, float], Tensor]) -> bool:
    """Lesson 7: one update of a moving average of weights."""

    def examine() -> str:
        average, new = torch.tensor([1.0, 0.0, -2.0]), torch.tensor([2.0, 1.0, 2.0])
        before = average.clone()
        answer = _need_tensor(_call(function, average, new, 0.9), (3,))
        wanted = 0.9 * before + 0.1 * new
        _need(
            not torch.allclose(answer, 0.1 * before + 0.9 * new),
            "the other way round: decay is the share of the old average that is kept.",
        )
        _need(torch.allclose(answer, wanted), f"it should be {wanted.tolist()}, yours is {answer.tolist()}.")
        return "decay of the old, the rest of the new."

    return _check(examine)


def check_variety(function: Callable[[Tensor], float]) -> bool:
    """Lesson 5: a number that is 0 if all images are the same, and the larger the more they differ."""

    def examine() -> str:
        random = torch.Generator().manual_seed(0)
        one, other = torch.rand(2, 1, 28, 28, generator=random)
        same = torch.stack([one] * 4)
        answer = _call(function, same)
        _need(isinstance(answer, float | int | Tensor), f"a number is wanted, got a {type(answer).__name__}.")
        _need(abs(float(answer)) < 1e-6, f"four times the same image has no variety, yours says {float(answer):.3g}.")
        few, many = torch.stack([one, one, one, other]), torch.stack([one, one, other, other])
        reached = [float(_call(function, images)) for images in (few, many)]
        _need(reached[0] > 1e-6, "three times one image and once another do have some variety, yours says none.")
        _need(
            reached[1] > reached[0],
            "two and two images differ more than three and one do; yours does not say so. Are all pairs looked at?",
        )
        shuffled = float(_call(function, few[[3, 1, 0, 2]]))
        _need(abs(shuffled - reached[0]) < 1e-5, "the order of the images should not matter, with yours it does.")
        return (
            "0 for one picture again and again, more for more kinds, whatever their order. Mode collapse has a number."
        )

    return _check(examine)


def check_centre_of_mass(function: Callable[[Tensor], tuple[float, float]]) -> bool:
    """Lesson 5: where the ink of an image has its middle, as (row, column)."""

    def examine() -> str:
        image = torch.zeros(28, 28)
        image[4, 9] = 1.0
        answer = _two_numbers(_call(function, image))
        _need(answer != (9.0, 4.0), "row and column are the wrong way round: the row comes first.")
        _need(_close(answer, (4, 9)), f"a single dot in row 4, column 9 has its middle there, not at {answer}.")
        image[4, 19] = 3.0
        answer = _two_numbers(_call(function, image))
        _need(
            not _close(answer, (4, 14)),
            "that is the middle of the places. Darker pixels weigh more: weigh each place by its ink.",
        )
        _need(_close(answer, (4, 16.5)), f"ink 1 at column 9 and ink 3 at column 19 balance at 16.5, not at {answer}.")
        return "each place weighs as much as its ink."

    return _check(examine)


def _two_numbers(answer: object) -> tuple[float, float]:
    try:
        row, column = (float(number) for number in answer)
    except (TypeError, ValueError):
        raise _NotYetError("two numbers are wanted: return row, column.") from None
    return row, column


def _close(answer: tuple[float, float], wanted: tuple[float, float]) -> bool:
    return all(abs(ours - theirs) < 1e-3 for ours, theirs in zip(answer, wanted, strict=True))
