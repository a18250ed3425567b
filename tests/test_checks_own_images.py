"""The checks of lesson 8: right answers of any make pass, each of many mistakes gets its own sentence."""

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as transforms

from sgan_utils.exercises.your_own_images import check_to_batch, check_what_to_report


def said_by(check, answer, capsys):
    passed = check(answer)
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1, said
    assert said.startswith("✓ " if passed else "Not yet: "), said
    return passed, said


def stacked(pictures):
    return torch.from_numpy(np.stack(pictures))


def as_array(pictures):
    return np.stack(pictures).astype(np.float64).transpose(0, 3, 1, 2) / 127.5 - 1


def with_a_loop(pictures):
    height, width, _ = pictures[0].shape
    batch = torch.empty(len(pictures), 3, height, width)
    for i, picture in enumerate(pictures):
        for channel in range(3):
            batch[i, channel] = torch.from_numpy(picture[:, :, channel].astype(np.float32)) / 255 * 2 - 1
    return batch


def with_torchvision(pictures):
    return torch.stack([transforms.normalize(transforms.to_tensor(p), [0.5] * 3, [0.5] * 3) for p in pictures])


@pytest.mark.parametrize(
    "answer",
    [
        lambda pictures: stacked(pictures).permute(0, 3, 1, 2) / 127.5 - 1,
        lambda pictures: stacked(pictures).movedim(-1, 1).double().sub(127.5).div(127.5),
        lambda pictures: stacked(pictures).transpose(1, 3).transpose(2, 3) / 127.5 - 1,
        as_array,
        with_a_loop,
        with_torchvision,
    ],
)
def test_a_batch_made_in_any_right_way_passes(answer, capsys):
    passed, said = said_by(check_to_batch, answer, capsys)
    assert passed, said


def changes_them(pictures):
    batch = stacked(pictures).permute(0, 3, 1, 2) / 127.5 - 1
    pictures[0][:] = 0
    return batch


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda p: stacked(p) / 127.5 - 1, "channels still come last"),
        (lambda p: stacked(p), "channels still come last"),
        (lambda p: stacked(p).reshape(len(p), 3, *p[0].shape[:2]) / 127.5 - 1, "reshape and view"),
        (lambda p: stacked(p).view(len(p), 3, p[0].shape[0], -1) / 127.5 - 1, "reshape and view"),
        (lambda p: stacked(p).permute(0, 3, 2, 1) / 127.5 - 1, "lie on their side"),
        (lambda p: stacked(p).transpose(1, 3) / 127.5 - 1, "lie on their side"),
        (lambda p: stacked(p).permute(0, 3, 1, 2) / 255, "values from 0 to 1"),
        (lambda p: stacked(p).permute(0, 3, 1, 2) / 255 - 0.5, "from -0.5 to 0.5"),
        (lambda p: stacked(p).permute(0, 3, 1, 2), "still bytes"),
        (lambda p: (2 * stacked(p)).permute(0, 3, 1, 2) / 255 - 1, "bytes wrap around"),
        (lambda p: stacked(p).permute(0, 3, 1, 2)[:, [2, 1, 0]] / 127.5 - 1, "red and blue"),
        (lambda p: stacked(p).float().mean(3).unsqueeze(1) / 127.5 - 1, "the colours are gone"),
        (lambda p: (stacked(p).permute(0, 3, 1, 2).float() - 127) / 128, "127 or 128"),
        (lambda p: stacked(p).permute(0, 3, 1, 2) / 128 - 1, "127 or 128"),
        (lambda p: torch.from_numpy(p[0]).permute(2, 0, 1)[None] / 127.5 - 1, "the first picture alone"),
        (lambda p: torch.from_numpy(p[0]).permute(2, 0, 1) / 127.5 - 1, "the first picture alone"),
        (lambda p: torch.cat([torch.from_numpy(x) for x in p]).permute(2, 0, 1) / 127.5 - 1, "side by side"),
        (lambda p: -(stacked(p).permute(0, 3, 1, 2) / 127.5 - 1), "at index"),
        (lambda p: [picture / 127.5 - 1 for picture in p], "last"),
        (lambda p: "a batch", "tensor is wanted"),
        (lambda p: stacked(p)[:, :5].permute(0, 3, 1, 2) / 127.5 - 1, "should have shape"),
        (lambda p: p[0].shape[7], "IndexError"),
        (lambda: 1, "TypeError"),
        (lambda p: ..., "returns nothing"),
        (changes_them, "changes the pictures"),
    ],
)
def test_a_mistaken_batch_gets_its_own_sentence(answer, word, capsys):
    passed, said = said_by(check_to_batch, answer, capsys)
    assert not passed
    assert word in said


def standardised(pictures):
    batch = stacked(pictures).permute(0, 3, 1, 2).float()
    return (batch - batch.mean()) / batch.std()


def stretched(pictures):
    batch = stacked(pictures).permute(0, 3, 1, 2).float()
    low, high = batch.amin((1, 2, 3), keepdim=True), batch.amax((1, 2, 3), keepdim=True)
    return 2 * (batch - low) / (high - low) - 1


@pytest.mark.parametrize(
    ("answer", "word"), [(standardised, "standard deviation"), (stretched, "smallest and largest value")]
)
def test_scaling_by_what_is_in_the_pictures_is_named(answer, word, capsys):
    passed, said = said_by(check_to_batch, answer, capsys)
    assert not passed
    assert word in said


def best(table):
    return table.mean(1).argmax()


@pytest.mark.parametrize(
    "answer",
    [
        lambda h, t: (int(best(h)), float(t[best(h)].mean())),
        lambda h, t: (best(h), t[best(h)].mean()),
        lambda h, t: [h.numpy().mean(1).argmax(), t.numpy().mean(1)[h.numpy().mean(1).argmax()]],
        lambda h, t: torch.tensor([best(h), t[best(h)].mean()]),
        lambda h, t: (*max((float(row.mean()), i) for i, row in enumerate(h))[1:], float(t[best(h)].mean())),
        lambda h, t: (h.sum(1).argmax(), t[best(h)].sum() / t.shape[1]),
        lambda h, t: (h.mean(1, keepdim=True).argmax(), np.float32(t[best(h)].mean())),
    ],
)
def test_a_right_report_passes(answer, capsys):
    passed, said = said_by(check_what_to_report, answer, capsys)
    assert passed, said


def changes_the_table(held_out, test):
    answer = best(held_out), test[best(held_out)].mean()
    held_out[0] = 0
    return answer


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda h, t: (best(t), t[best(t)].mean()), "you choose on the test images"),
        (lambda h, t: (best(t), t.mean(1).max()), "you choose on the test images"),
        (lambda h, t: (best(h + t), t[best(h + t)].mean()), "together"),
        (lambda h, t: (h.amax(1).argmax(), t[h.amax(1).argmax()].mean()), "one run is luck"),
        (lambda h, t: (h.argmax(), t[best(h)].mean()), "flattened table"),
        (lambda h, t: (h.mean(0).argmax(), t[best(h)].mean()), "a row is a setting"),
        (lambda h, t: (best(h), h.mean(1).max()), "you report the held-out accuracy"),
        (lambda h, t: (best(h), t[best(h)].max()), "the best seed on the test images"),
        (lambda h, t: (best(h), t[best(h), h[best(h)].argmax()]), "the one seed that was best"),
        (lambda h, t: (best(h), t.max()), "the best number of the whole test table"),
        (lambda h, t: (best(h), t.mean()), "the mean of the whole test table"),
        (lambda h, t: (h.mean(1).argmin(), t[h.mean(1).argmin()].mean()), "the worst setting"),
        (lambda h, t: (h.amin(1).argmax(), t[h.amin(1).argmax()].mean()), "whose worst run is best"),
        (lambda h, t: (t[best(h)].mean(), best(h)), "the wrong way round"),
        (lambda h, t: (best(h), 100 * t[best(h)].mean()), "a percentage"),
        (lambda h, t: (best(h) + 1, t[best(h)].mean()), "counted from 0"),
        (lambda h, t: (0, 0.5), "yours is row 0 with 0.500"),
        (lambda h, t: best(h), "return two numbers"),
        (lambda h, t: (best(h), t[best(h)]), "return two numbers"),
        (lambda h, t: ("row", 0.7), "return two numbers"),
        (lambda h: 1, "TypeError"),
        (lambda h, t: 1 / 0, "ZeroDivisionError"),
        (lambda h, t: None, "returns nothing"),
        (changes_the_table, "changes `held_out`"),
    ],
)
def test_a_mistaken_report_gets_its_own_sentence(answer, word, capsys):
    passed, said = said_by(check_what_to_report, answer, capsys)
    assert not passed
    assert word in said
