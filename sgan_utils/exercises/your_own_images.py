"""The checks of lesson 8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sgan_utils.exercises.checking import call, check, compare, need, need_pair, need_tensor


def _pictures(random: torch.Generator) -> dict[str, Any]:
    """Some colour pictures as arrays, wider than high or the other way round."""
    count, height, width = (
        int(torch.randint(low, high, (1,), generator=random)) for low, high in ((2, 6), (6, 9), (10, 14))
    )
    if torch.rand(1, generator=random) < 0.5:
        height, width = width, height
    shape = (height, width, 3)
    low, high = (0, 256) if torch.rand(1, generator=random) < 0.5 else (60, 200)  # or pale ones
    pictures = [torch.randint(low, high, shape, generator=random, dtype=torch.uint8).numpy() for _ in range(count)]
    return {"pictures": pictures}


def _stack(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).float()


def _batch(pictures: list[np.ndarray]) -> Tensor:
    return _stack(pictures).permute(0, 3, 1, 2) / 127.5 - 1


TO_BATCH_MISTAKES: dict[str, Any] = {
    "the channels still come last: permute(0, 3, 1, 2) moves them to the front.": [
        lambda p: _stack(p) / 127.5 - 1,
        lambda p: _stack(p) / 255,
        _stack,
    ],
    "reshape and view keep the order of the numbers and only count them anew, so that colours and places get mixed up: "
    "permute moves the channels.": [
        lambda p: (_stack(p) / 127.5 - 1).reshape(len(p), 3, *p[0].shape[:2]),
        lambda p: (_stack(p) / 255).reshape(len(p), 3, *p[0].shape[:2]),
    ],
    "rows and columns have changed places as well, so pictures lie on their side: permute(0, 3, 1, 2), or a transpose "
    "that moves the channels only.": [
        lambda p: _batch(p).transpose(2, 3),
        lambda p: _batch(p).transpose(2, 3) / 2 + 0.5,
    ],
    "those are values from 0 to 1; G's tanh gives -1 to 1.": [lambda p: _batch(p) / 2 + 0.5],
    "those are values from -0.5 to 0.5; G's tanh gives -1 to 1.": [lambda p: _batch(p) / 2],
    "those are still bytes from 0 to 255: divide by 127.5, subtract 1.": [lambda p: _stack(p).permute(0, 3, 1, 2)],
    "bytes wrap around: 2 * 200 is 144 in uint8. Make floats first, then compute.": [
        lambda p: (_stack(p).byte() * 2).permute(0, 3, 1, 2) / 255 - 1,
        lambda p: (_stack(p).byte() - 127).permute(0, 3, 1, 2) / 128,
        lambda p: (_stack(p).byte() - 128).permute(0, 3, 1, 2) / 127.5,
        lambda p: (_stack(p).byte() // 127 - 1).permute(0, 3, 1, 2),
    ],
    "red and blue have changed places: keep the order of the channels.": [lambda p: _batch(p).flip(1)],
    "the colours are gone: that is the mean of the three channels.": [
        lambda p: _batch(p).mean(1, keepdim=True),
        lambda p: _batch(p).mean(1, keepdim=True).expand(-1, 3, -1, -1),
        lambda p: _batch(p).mean(1),
    ],
    "you scale by the smallest and largest value found, so that a dark picture becomes as bright as the others: divide "
    "by 127.5 and subtract 1, whatever is in the picture.": [
        lambda p: _scaled_by_extremes(_batch(p), (1, 2, 3)),
        lambda p: _scaled_by_extremes(_batch(p), (2, 3)),
        lambda p: _scaled_by_extremes(_batch(p), (0, 1, 2, 3)),
    ],
    "you subtract the mean and divide by the standard deviation; G's tanh knows nothing of them: divide by 127.5 and "
    "subtract 1.": [
        lambda p: (_batch(p) - _batch(p).mean()) / _batch(p).std(),
        lambda p: (_batch(p) - _batch(p).mean((1, 2, 3), keepdim=True)) / _batch(p).std((1, 2, 3), keepdim=True),
    ],
    "127 or 128 instead of 127.5: 0 should become -1, and 255 should become 1.": [
        lambda p: (_batch(p) + 1) * 127.5 / 127 - 1,
        lambda p: (_batch(p) + 1) * 127.5 / 128 - 1,
        lambda p: ((_batch(p) + 1) * 127.5 - 127) / 128,
        lambda p: ((_batch(p) + 1) * 127.5 - 128) / 128,
    ],
    "that is the first picture alone; stack them all.": [
        lambda p: _batch(p)[:1],
        lambda p: _batch(p)[0],
    ],
    "the pictures stand side by side in one large one: torch.stack puts each into a row of its own.": [
        lambda p: torch.cat(list(_batch(p)), 1),
        lambda p: torch.cat(list(_batch(p)), 2),
    ],
}


def _scaled_by_extremes(batch: Tensor, over: tuple[int, ...]) -> Tensor:
    low, high = batch.amin(over, keepdim=True), batch.amax(over, keepdim=True)
    return 2 * (batch - low) / (high - low) - 1


def check_to_batch(function: Callable[[list[np.ndarray]], Tensor]) -> bool:
    """Lesson 8: pictures (height, width, 3) of bytes become one batch (n, 3, height, width) from -1 to 1."""

    def examine() -> str:
        answers = compare(function, _pictures, _batch, TO_BATCH_MISTAKES)
        for answer in answers:
            kind = need_tensor(answer).dtype
            need(kind == torch.float32, f"the values are right, but the networks want float32, not {kind}.")
        pictures = _pictures(torch.Generator().manual_seed(0))["pictures"]
        before = [picture.copy() for picture in pictures]
        call(function, pictures)
        unchanged = all(map(np.array_equal, pictures, before))
        need(unchanged, "your function changes the pictures that it is given: work on a copy.")
        return "channels first, every pixel in its place, from -1 to 1: ready for D."

    return check(examine)


def _tables(random: torch.Generator) -> dict[str, Tensor]:
    """Accuracies of some settings with some seeds, where every way of choosing ends with another setting."""
    while True:
        settings, seeds = (int(torch.randint(low, low + 4, (1,), generator=random)) for low in (5, 4))
        quality = 0.6 + 0.1 * torch.rand(settings, 1, generator=random)
        held_out, test = ((quality + 0.1 * torch.randn(settings, seeds, generator=random)).clamp(0, 1) for _ in "ab")
        ways = held_out.mean(1).argmax(), test.mean(1).argmax(), held_out.amax(1).argmax(), held_out.amin(1).argmax()
        if len({int(way) for way in ways[:3]}) == 3 and int(ways[3]) != int(ways[0]):
            return {"held_out": held_out, "test": test}


def _report(held_out: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    chosen = held_out.mean(1).argmax()
    return chosen, test[chosen].mean()


def _and_its_test(choose: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What somebody reports who chooses in another way: the setting, and its mean on the test images."""

    def report(held_out: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
        chosen = choose(held_out, test)
        return chosen, test[chosen].mean()

    return report


REPORT_MISTAKES: dict[str, Any] = {
    "you choose on the test images: what they say of the luckiest setting is no accuracy of unseen images any more.": [
        _and_its_test(lambda h, t: t.mean(1).argmax()),
        _and_its_test(lambda h, t: t.amax(1).argmax()),
        lambda h, t: (t.mean(1).argmax(), t.max()),
    ],
    "you choose on held-out and test images together; the test images may choose nothing, not even by half.": [
        _and_its_test(lambda h, t: (h.mean(1) + t.mean(1)).argmax()),
    ],
    "the setting of the one best run wins with you; one run is luck, so compare means over the seeds.": [
        _and_its_test(lambda h, t: h.amax(1).argmax()),
        lambda h, t: (h.amax(1).argmax(), t[h.amax(1).argmax()].max()),
    ],
    "that is the place of the best run in the flattened table, not the row of a setting.": [
        lambda h, t: (h.argmax(), t[h.mean(1).argmax()].mean()),
        lambda h, t: (h.argmax(), t.flatten()[h.argmax()]),
    ],
    "the means go over the settings, not over the seeds: a row is a setting, so take mean(1).": [
        lambda h, t: (h.mean(0).argmax(), t[h.mean(1).argmax()].mean()),
        lambda h, t: (h.mean(0).argmax(), t[:, h.mean(0).argmax()].mean()),
        lambda h, t: (h.mean(0).argmax(), t[h.mean(0).argmax()].mean()),
    ],
    "you report the held-out accuracy, which is too good: the setting was chosen because it was high there.": [
        lambda h, t: (h.mean(1).argmax(), h.mean(1).max()),
        lambda h, t: (h.mean(1).argmax(), h.max()),
    ],
    "you report the best seed on the test images; report their mean.": [
        lambda h, t: (h.mean(1).argmax(), t[h.mean(1).argmax()].max()),
    ],
    "you report the one seed that was best on held-out images; report the mean of the setting's seeds.": [
        lambda h, t: (h.mean(1).argmax(), t[h.mean(1).argmax(), h[h.mean(1).argmax()].argmax()]),
    ],
    "you report the best number of the whole test table, which is not that of the setting you chose.": [
        lambda h, t: (h.mean(1).argmax(), t.mean(1).max()),
        lambda h, t: (h.mean(1).argmax(), t.max()),
    ],
    "you report the mean of the whole test table; report that of the setting you chose.": [
        lambda h, t: (h.mean(1).argmax(), t.mean()),
    ],
    "that is the worst setting: argmax, not argmin.": [
        _and_its_test(lambda h, t: h.mean(1).argmin()),
    ],
    "that is the setting whose worst run is best; compare means over the seeds.": [
        _and_its_test(lambda h, t: h.amin(1).argmax()),
    ],
    "the two are the wrong way round: the row comes first, then the accuracy.": [
        lambda h, t: _report(h, t)[::-1],
    ],
    "that is a percentage; the tables hold fractions from 0 to 1.": [
        lambda h, t: (_report(h, t)[0], 100 * _report(h, t)[1]),
    ],
    "rows are counted from 0.": [lambda h, t: (_report(h, t)[0] + 1, _report(h, t)[1])],
}


def check_what_to_report(function: Callable[[Tensor, Tensor], tuple[int, float]]) -> bool:
    """Lesson 8: from tables of held-out and test accuracies to the chosen setting and the number to report."""

    def examine() -> str:
        compare(
            function,
            _tables,
            _report,
            REPORT_MISTAKES,
            form=lambda answer: need_pair(answer, "two numbers: the row of the setting, and the accuracy"),
            tell=_tell,
        )
        return "held-out images choose, the test images are read for what was chosen, and seeds are averaged."

    return check(examine)


def _tell(given: dict[str, Any], wanted: Any, answer: Any) -> str:
    row, accuracy = need_pair(answer)
    return (
        f"for our random tables it should be row {int(wanted[0])} with {float(wanted[1]):.3f}, yours is row {row:g} "
        f"with {accuracy:.3f}."
    )
