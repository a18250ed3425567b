"""The exercises' checks: right answers pass however they are written, wrong ones hear which mistake it is."""

import importlib
import math
import pkgutil
import random
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torchvision import transforms

from sgan_utils import exercises
from sgan_utils.data import to_model_range
from sgan_utils.evaluation import accuracy, believe
from sgan_utils.exercises import (
    beyond_the_paper,
    checking,
    data,
    label_efficiency,
    models,
    playground,
    results,
    training,
)
from sgan_utils.exercises.beyond_the_paper import check_moving_average, check_pseudo_labels
from sgan_utils.exercises.data import check_balanced_draw, check_to_model_range
from sgan_utils.exercises.failures import check_rescue, check_somebodys_runs, curves_of, images_of
from sgan_utils.exercises.label_efficiency import check_best_of, check_confidence_interval
from sgan_utils.exercises.models import check_output_size, check_probability_real
from sgan_utils.exercises.playground import check_centre_of_mass, check_variety
from sgan_utils.exercises.results import check_most_confused, check_per_class_accuracy, check_test_accuracy
from sgan_utils.exercises.training import check_cross_entropy, check_generator_step
from sgan_utils.losses import non_saturating_loss, pseudo_label
from sgan_utils.models import frozen
from sgan_utils.results import load_record
from sgan_utils.support.errors import SGANError

RIGHT, WRONG = {}, {}

# Lesson 1: from bytes to the range of the models


def in_place_on_a_copy(pixels):
    pixels = pixels.float()
    pixels /= 127.5
    pixels -= 1
    return pixels


def spoils_pixels(pixels):
    answer = pixels.float() / 127.5 - 1
    pixels.fill_(0)
    return answer


def takes_numpy(pixels):
    return np.asarray(pixels).astype(np.float32) / 127.5 - 1


def looks_up(pixels):
    return torch.linspace(-1, 1, 256)[pixels.long()]


RIGHT[check_to_model_range] = [
    lambda pixels: pixels.float() / 127.5 - 1,
    lambda pixels: (pixels / 255 - 0.5) / 0.5,
    lambda pixels: pixels.double() * 2 / 255 - 1,
    lambda pixels: transforms.Normalize(0.5, 0.5)(pixels / 255),
    lambda pixels: transforms.Normalize((0.5,), (0.5,))(pixels.float().div(255)),
    lambda pixels: (pixels - 127.5) / 127.5,
    lambda pixels: torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), pixels / 255),
    in_place_on_a_copy,
    takes_numpy,
    looks_up,
]
WRONG[check_to_model_range] = [
    (lambda pixels: pixels / 255, "that is 0 to 1, what ToTensor gives"),
    (lambda pixels: pixels.float().div(255).clamp(0, 1), "that is 0 to 1"),
    (lambda pixels: pixels / 127.5, "shift it so that the middle becomes 0"),
    (lambda pixels: pixels.float(), "still from 0 to 255"),
    (lambda pixels: pixels.double(), "still from 0 to 255"),
    (lambda pixels: 1 - pixels / 127.5, "paper and ink are exchanged"),
    (lambda pixels: -(pixels.float() / 127.5 - 1), "paper and ink are exchanged"),
    (lambda pixels: pixels * 2 / 255 - 1, "wrap around"),
    (lambda pixels: (2 * pixels - 255) / 255, "wrap around"),
    (lambda pixels: (pixels - 127) / 127.5, "wrap around"),
    (lambda pixels: (pixels.float() / 127.5 - 1).round(), "all greys in between are lost"),
    (lambda pixels: (pixels.float() / 127.5 - 1).long(), "all greys in between are lost"),
    (lambda pixels: pixels // 127.5 - 1, "all greys in between are lost"),
    (lambda pixels: pixels.float().mean() / 127.5 - 1, "shape"),
    (lambda pixels: (pixels.float() / 127.5 - 1).tolist(), "a tensor is wanted, yours is a list"),
    (lambda pixels: pixels.fill_(0).float() / 127.5 - 1, "changes `pixels`"),
    (spoils_pixels, "work on a copy"),
    (lambda pixels: 2 * (pixels.float() - pixels.min()) / (pixels.max() - pixels.min()) - 1, "of each batch"),
    (lambda pixels: (pixels.float() - pixels.float().mean()) / pixels.float().std(), "own mean and spread"),
    (lambda pixels: (pixels / 255 - 0.1307) / 0.3081, "MNIST's mean 0.1307"),
    (lambda pixels: pixels / 128 - 1, "Divide by 127.5"),
    (lambda pixels: pixels / 255 - 0.5, "half as long"),
    (lambda pixels: (pixels > 127).float() * 2 - 1, "only -1 and 1"),
    (lambda pixels: (pixels / 255).square() * 2 - 1, "should become"),
    (lambda pixels: (pixels.float() / 127.5 - 1).flatten(1), "shape (3, 1, 6, 5), yours has shape (3, 30)"),
    (lambda pixels: transforms.ToTensor()(pixels), "raised TypeError"),
    (lambda pixels: pixels.float() * 2 - 1, "yours reach from"),
    (lambda pixels: pixels / 0, "yours reach from"),
]


# Lesson 1: a balanced draw


def right_draw(labels, per_class):
    members = ((labels == digit).nonzero().squeeze(1) for digit in range(10))
    return torch.cat([images[torch.randperm(len(images))[:per_class]] for images in members])


def draws_with_numpy(labels, per_class):
    chance = np.random.default_rng(0)
    return np.concatenate([chance.choice(np.flatnonzero(labels == d), per_class, replace=False) for d in range(10)])


def draws_by_sampling(labels, per_class):
    places = list(range(len(labels)))
    random.Random(1).shuffle(places)
    drawn = [[place for place in places if labels[place] == digit][:per_class] for digit in range(10)]
    return torch.tensor(drawn).flatten()


def draws_after_shuffling(labels, per_class):
    order = torch.randperm(len(labels))
    order = order[labels[order].argsort(stable=True)]
    starts = labels.bincount().cumsum(0) - labels.bincount()
    return torch.cat([order[start : start + per_class] for start in starts.tolist()])


def draws_one_by_one(labels, per_class):
    left, drawn = [per_class] * 10, []
    for place in torch.randperm(len(labels)).tolist():
        if left[labels[place]]:
            left[labels[place]] -= 1
            drawn.append(place)
    return torch.tensor(drawn)


def draws_with_replacement(labels, per_class):
    members = [(labels == digit).nonzero().squeeze(1) for digit in range(10)]
    return torch.cat([images[torch.zeros(per_class, dtype=torch.long)] for images in members])


def always_the_first(labels, per_class):
    return torch.cat([(labels == digit).nonzero().squeeze(1)[:per_class] for digit in range(10)])


def always_the_last(labels, per_class):
    return torch.cat([(labels == digit).nonzero().squeeze(1)[-per_class:] for digit in range(10)])


def forgets_to_look_up(labels, per_class):
    return torch.cat([torch.randperm(int((labels == digit).sum()))[:per_class] for digit in range(10)])


def forgets_a_digit(labels, per_class):
    return right_draw(labels, per_class)[:-per_class]


def one_of_each_is_forgotten(labels, per_class):
    return right_draw(labels, per_class)[10:] if per_class > 1 else right_draw(labels, 1)


def says_yes_or_no(labels, per_class):
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[right_draw(labels, per_class)] = True
    return chosen


def sorts_the_labels(labels, per_class):
    answer = right_draw(labels, per_class)
    labels.copy_(labels.sort().values)
    return answer


RIGHT[check_balanced_draw] = [
    right_draw,
    lambda labels, per_class: right_draw(labels, per_class).flip(0),
    lambda labels, per_class: right_draw(labels, per_class).int(),
    draws_with_numpy,
    draws_by_sampling,
    draws_after_shuffling,
    draws_one_by_one,
]
WRONG[check_balanced_draw] = [
    (draws_with_replacement, "drawn twice"),
    (lambda labels, n: torch.arange(10 * n), "places in the list of one digit's images"),
    (lambda labels, n: torch.randperm(len(labels))[: 10 * n], "draw digit by digit"),
    (lambda labels, n: right_draw(labels, n)[:n], "for *each* of the ten digits"),
    (lambda labels, n: torch.randperm(len(labels))[:n], "for *each* of the ten digits"),
    (lambda labels, n: right_draw(labels, n).tolist(), "a tensor is wanted"),
    (lambda labels, n: right_draw(labels, 1), "use per_class"),
    (lambda labels, n: torch.arange(10).repeat(n), "the labels themselves"),
    (lambda labels, n: labels[right_draw(labels, n)], "the labels themselves"),
    (always_the_first, "always take the first"),
    (lambda labels, n: always_the_first(labels, n).flip(0), "always take the first"),
    (always_the_last, "always take the last"),
    (forgets_to_look_up, "members[chosen]"),
    (forgets_a_digit, "range(10)"),
    (one_of_each_is_forgotten, "asked for 3 of each digit"),
    (says_yes_or_no, "mask.nonzero()"),
    (lambda labels, n: right_draw(labels, n).reshape(10, n), "a table with a row for each digit"),
    (lambda labels, n: right_draw(labels, n).float(), "torch.float32"),
    (lambda labels, n: right_draw(labels, n) + 0.5, "whole numbers"),
    (lambda labels, n: right_draw(labels, n) - 5000, "indices go from 0"),
    (lambda labels, n: right_draw(labels, n) + 5000, "indices go from 0"),
    (lambda labels, n: right_draw(labels, n)[None], "shape"),
    (lambda labels, n: torch.empty(0, dtype=torch.long), "got [0, 0"),
    (sorts_the_labels, "changes `labels`"),
]

# Lesson 2: how many pixels a convolution leaves


def counts_places(size, kernel, stride, padding):
    return len(range(0, size + 2 * padding - kernel + 1, stride))


def asks_pytorch(size, kernel, stride, padding):
    return F.conv2d(torch.zeros(1, 1, size, size), torch.zeros(1, 1, kernel, kernel), None, stride, padding).shape[2]


RIGHT[check_output_size] = [
    lambda size, kernel, stride, pad: (size + 2 * pad - kernel) // stride + 1,
    lambda size, kernel, stride, pad: np.int64((size + 2 * pad - kernel) // stride + 1),
    lambda size, kernel, stride, pad: torch.tensor((size + 2 * pad - kernel) // stride + 1),
    lambda size, kernel, stride, pad: int((size + 2 * pad - kernel) / stride) + 1,
    lambda size, kernel, stride, pad: math.floor((size + 2 * pad - kernel) / stride + 1),
    lambda size, kernel, stride, pad: (size + 2 * pad - kernel + stride) // stride,
    counts_places,
    asks_pytorch,
]
WRONG[check_output_size] = [
    (lambda size, kernel, stride, pad: (size + 2 * pad - kernel) / stride + 1, "// rounds down"),
    (lambda size, kernel, stride, pad: float((size + 2 * pad - kernel) // stride + 1), "return an int"),
    (lambda size, kernel, stride, pad: (size + 2 * pad - kernel) // stride, "so add 1"),
    (lambda size, kernel, stride, pad: (size + pad - kernel) // stride + 1, "so it counts twice"),
    (lambda size, kernel, stride, pad: (size - kernel) // stride + 1, "where is the padding?"),
    (lambda size, kernel, stride, pad: size + 2 * pad - kernel + 1, "where is the stride?"),
    (lambda size, kernel, stride, pad: (size + 2 * pad) // stride + 1, "where is the kernel?"),
    (lambda size, kernel, stride, pad: size // stride, "only where padding makes up for the kernel"),
    (lambda size, kernel, stride, pad: round((size + 2 * pad - kernel) / stride) + 1, "so round down"),
    (lambda size, kernel, stride, pad: -((kernel - size - 2 * pad) // stride) + 1, "so round down"),
    (lambda size, kernel, stride, pad: (size + 2 * pad - kernel + 1) // stride, "added before the division"),
    (lambda size, kernel, stride, pad: (size - 2 * pad - kernel) // stride + 1, "you make it narrower"),
    (lambda size, kernel, stride, pad: (size - 1) * stride - 2 * pad + kernel, "a transposed convolution"),
    (lambda size, kernel, stride, pad: str((size + 2 * pad - kernel) // stride + 1), "the text"),
    (lambda size, kernel, stride, pad: f"{size} pixels", "the text"),
    (
        lambda size, kernel, stride, pad: ((size + 2 * pad - kernel) // stride + 1,) * 2,
        "a number is wanted, not a tuple",
    ),
    (lambda size, kernel, stride, pad: 28, "PyTorch leaves"),
    (lambda size, kernel, stride, pad: True, "a number is wanted"),
    (lambda size, kernel, stride, pad: size // 0, "raised ZeroDivisionError"),
]

# Lesson 2: the probability of "real" from eleven outputs

RIGHT[check_probability_real] = [
    lambda outputs: outputs.softmax(1)[:, :10].sum(1),
    lambda outputs: 1 - outputs.softmax(1)[:, 10],
    lambda outputs: (outputs[:, :10].logsumexp(1) - outputs[:, 10]).sigmoid(),
    lambda outputs: outputs.double().softmax(1)[:, :10].sum(1),
    lambda outputs: outputs.softmax(-1)[..., :-1].sum(-1).numpy(),
    lambda outputs: outputs.log_softmax(1)[:, :10].exp().sum(1),
    lambda outputs: (1 - torch.nn.Softmax(dim=1)(outputs)[:, 10:]).squeeze(1),
    lambda outputs: torch.stack([row.softmax(0)[:10].sum() for row in outputs]),
]
WRONG[check_probability_real] = [
    (lambda outputs: outputs.softmax(1)[:, 10], "*generated*"),
    (lambda outputs: outputs.softmax(0)[:, :10].sum(1), "runs over the batch"),
    (lambda outputs: outputs.softmax(1)[:, :10], "add them up"),
    (lambda outputs: outputs.softmax(1)[:, :10].sum(1, keepdim=True), "without keepdim"),
    (lambda outputs: outputs[:, :10].logsumexp(1) - outputs[:, 10], "a sigmoid makes a probability"),
    (lambda outputs: outputs[:, 10].sigmoid(), "the last output alone"),
    (lambda outputs: 1 - outputs[:, 10].sigmoid(), "the last output alone"),
    (lambda outputs: (-outputs[:, -1]).sigmoid(), "the last output alone"),
    (lambda outputs: outputs.softmax(1)[:, :10].max(1).values, "the likeliest digit only"),
    (lambda outputs: outputs.softmax(1)[:, :10].amax(1), "the likeliest digit only"),
    (lambda outputs: outputs.softmax(1)[:, 1:].sum(1), 'means "generated", not the first'),
    (lambda outputs: outputs.softmax(1)[:, :9].sum(1), "one output too few"),
    (lambda outputs: outputs[:, :10].softmax(1).sum(1), "that is always 1"),
    (lambda outputs: torch.ones(len(outputs)), "that is always 1"),
    (lambda outputs: outputs[:, :10].exp().sum(1), "those are exponentials"),
    (lambda outputs: outputs.softmax(1)[:, :10].mean(1), "the mean of ten shares"),
    (lambda outputs: outputs[:, :10].logsumexp(1).sigmoid(), "how the N outputs are read"),
    (lambda outputs: (outputs[:, :10].sum(1) - outputs[:, 10]).sigmoid(), "no logit of a sum"),
    (lambda outputs: outputs.exp()[:, :10].sum(1) / outputs.exp().sum(1), "exp() of large ones is infinite"),
    (lambda outputs: outputs.log_softmax(1)[:, :10].logsumexp(1), "the logarithm of the probability"),
    (lambda outputs: outputs.softmax(1).sum().item(), "a tensor is wanted, yours is the number"),
    (lambda outputs: outputs.softmax(1)[:, 10] > 0.5, "should be real with"),
    (lambda outputs: outputs[:, :10].sum(1), "a probability lies from 0 to 1"),
    (lambda outputs: outputs.softmax(1).argmax(1), "a probability lies from 0 to 1"),
    (lambda outputs: outputs.sub_(outputs.max(1, True).values).softmax(1)[:, :10].sum(1), "changes `outputs`"),
]

# Lesson 3: cross-entropy


def pick(log_probabilities, labels):
    return log_probabilities[torch.arange(len(labels)), labels]


def one_hot_entropy(logits, labels):
    return -(F.one_hot(labels, 10) * logits.log_softmax(1)).sum(1).mean()


def shifts_a_copy(logits, labels):
    logits = logits - logits.max(1, keepdim=True).values
    return (logits.exp().sum(1).log() - pick(logits, labels)).mean()


def shifts_in_place(logits, labels):
    logits -= logits.max(1, keepdim=True).values.detach()
    return F.cross_entropy(logits, labels)


RIGHT[check_cross_entropy] = [
    lambda logits, labels: -pick(logits.log_softmax(1), labels).mean(),
    lambda logits, labels: (logits.logsumexp(1) - pick(logits, labels)).mean(),
    lambda logits, labels: F.cross_entropy(logits.double(), labels),
    lambda logits, labels: F.nll_loss(F.log_softmax(logits, dim=-1), labels),
    lambda logits, labels: -logits.log_softmax(1).gather(1, labels[:, None]).mean(),
    lambda logits, labels: torch.nn.CrossEntropyLoss()(logits, F.one_hot(labels, 10).float()),
    lambda logits, labels: (
        sum(F.cross_entropy(one, label) for one, label in zip(logits, labels, strict=True)) / len(labels)
    ),
    one_hot_entropy,
    shifts_a_copy,
]
WRONG[check_cross_entropy] = [
    (lambda logits, labels: pick(logits.log_softmax(1), labels).mean(), "the sign is wrong"),
    (lambda logits, labels: -pick(logits.log_softmax(1), labels).sum(), "that is the sum"),
    (lambda logits, labels: -pick(logits.log_softmax(1), labels), "take the mean over the batch"),
    (lambda logits, labels: -pick(logits.log_softmax(0), labels).mean(), "runs over the batch"),
    (lambda logits, labels: -pick(logits.softmax(1), labels).mean(), "where is the logarithm?"),
    (lambda logits, labels: F.nll_loss(logits.softmax(1), labels), "where is the logarithm?"),
    (lambda logits, labels: F.cross_entropy(logits.softmax(1), labels), "applies the softmax itself"),
    (lambda logits, labels: F.nll_loss(logits.softmax(1).log_softmax(1), labels), "applies the softmax itself"),
    (lambda logits, labels: -pick(logits.softmax(1).log(), labels).mean(), "logsumexp or log_softmax"),
    (lambda logits, labels: -pick((logits.exp() / logits.exp().sum(1, True)).log(), labels).mean(), "thousands"),
    (lambda logits, labels: -pick((logits.softmax(1) + 1e-9).log(), labels).mean(), "thousands"),
    (lambda logits, labels: -pick(logits.softmax(1).clamp(min=1e-9).log(), labels).mean(), "thousands"),
    (lambda logits, labels: F.cross_entropy(logits, labels).item(), "cut off from `class_logits`"),
    (lambda logits, labels: F.cross_entropy(logits.detach(), labels), "cut off from `class_logits`"),
    (lambda logits, labels: F.cross_entropy(logits, labels).detach().numpy(), "cut off from `class_logits`"),
    (lambda logits, labels: (logits.logsumexp(1).detach() - pick(logits, labels)).mean(), "not its gradient"),
    (lambda logits, labels: logits.logsumexp(1).mean() - logits[labels, range(len(labels))].mean(), "are swapped"),
    (lambda logits, labels: -logits.log_softmax(1).diagonal().mean(), "you take the diagonal"),
    (lambda logits, labels: (logits.logsumexp(1)[:, None] - logits[:, labels]).mean(), "pick one logit of each row"),
    (lambda logits, labels: -pick(logits, labels).mean(), "the logsumexp of all ten is missing"),
    (lambda logits, labels: logits.logsumexp(1).mean(), "the logsumexp alone"),
    (lambda logits, labels: -(F.one_hot(labels, 10) * logits.log_softmax(1)).mean(), "number of classes as well"),
    (lambda logits, labels: -logits.log_softmax(1).max(1).values.mean(), "how sure the winner is"),
    (lambda logits, labels: F.mse_loss(logits.softmax(1), F.one_hot(labels, 10).float()), "the squared error"),
    (lambda logits, labels: one_hot_entropy(logits, labels) / math.log(2), "in bits"),
    (lambda logits, labels: -pick(logits.softmax(1), labels).mean().log(), "a logarithm of its own"),
    (lambda logits, labels: F.binary_cross_entropy_with_logits(logits, F.one_hot(labels, 10).float()), "by itself"),
    (lambda logits, labels: F.cross_entropy(logits, labels) + 1, "it should be"),
    (lambda logits, labels: F.cross_entropy(logits, labels[None]), "raised"),
    (shifts_in_place, "changes `class_logits`"),
]

# Lesson 3: one step of G


def g_loss(G, D, latent):
    return F.softplus(-D(G(latent)).real_logit).mean()


def one_update(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def right_step(G, D, optimizer, latent):
    return one_update(g_loss(G, D, latent), optimizer)


def step_in_another_order(G, D, optimizer, latent):
    optimizer.zero_grad(set_to_none=False)
    loss = F.binary_cross_entropy_with_logits(D(G(latent)).real_logit, torch.ones(len(latent)))
    loss.backward()
    optimizer.step()
    return loss.detach()


def step_with_a_frozen_d(G, D, optimizer, latent):
    with frozen(D):
        return right_step(G, D, optimizer, latent).detach().numpy()


def step_that_clears_both(G, D, optimizer, latent):
    G.zero_grad()
    D.zero_grad()
    loss = non_saturating_loss(D(G(latent)).real_logit)
    loss.backward()
    optimizer.step()
    D.zero_grad()
    return loss.item()


def step_by_log_sigmoid(G, D, optimizer, latent):
    return one_update(-F.logsigmoid(D(G(latent)).real_logit).mean(), optimizer).clone()


def step_with_grad_of(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    for weight, gradient in zip(G.parameters(), torch.autograd.grad(loss, list(G.parameters())), strict=True):
        weight.grad = gradient
    optimizer.step()
    return loss.item()


def never_steps(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    optimizer.zero_grad()
    loss.backward()
    return loss


def never_goes_back(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    optimizer.zero_grad()
    optimizer.step()
    return loss


def clears_after_going_back(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss


def steps_before_going_back(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss


def detaches(G, D, optimizer, latent):
    return one_update(F.softplus(-D(G(latent).detach()).real_logit).mean(), optimizer)


def draws_without_gradient(G, D, optimizer, latent):
    with torch.no_grad():
        images = G(latent)
    return one_update(F.softplus(-D(images).real_logit).mean(), optimizer)


def never_clears(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    loss.backward()
    optimizer.step()
    return loss


def clears_too_late(G, D, optimizer, latent):
    loss = never_clears(G, D, optimizer, latent)
    optimizer.zero_grad()
    return loss


def steps_d_too(G, D, optimizer, latent):
    loss = right_step(G, D, optimizer, latent)
    torch.optim.SGD(D.parameters(), lr=0.1).step()
    return loss


def leaves_d_frozen(G, D, optimizer, latent):
    D.requires_grad_(False)
    return right_step(G, D, optimizer, latent)


def leaves_d_evaluating(G, D, optimizer, latent):
    loss = right_step(G, D, optimizer, latent)
    D.eval()
    return loss


def judges_in_evaluation_mode(G, D, optimizer, latent):
    D.eval()
    loss = right_step(G, D, optimizer, latent)
    D.train()
    return loss


def goes_uphill(G, D, optimizer, latent):
    loss = g_loss(G, D, latent)
    one_update(-loss, optimizer)
    return loss


def steps_twice(G, D, optimizer, latent):
    loss = right_step(G, D, optimizer, latent)
    right_step(G, D, optimizer, latent)
    return loss


def measures_afterwards(G, D, optimizer, latent):
    right_step(G, D, optimizer, latent)
    return g_loss(G, D, latent).item()


def loses_the_loss(G, D, optimizer, latent):
    right_step(G, D, optimizer, latent)


def returns_images(G, D, optimizer, latent):
    right_step(G, D, optimizer, latent)
    return G(latent)


def by_loss(of_logit):
    return lambda G, D, optimizer, latent: one_update(of_logit(D(G(latent)).real_logit), optimizer)


def by_digit(of_logits):
    return lambda G, D, optimizer, latent: one_update(of_logits(D(G(latent)).class_logits), optimizer)


RIGHT[check_generator_step] = [
    right_step,
    step_in_another_order,
    step_with_a_frozen_d,
    step_that_clears_both,
    step_by_log_sigmoid,
    step_with_grad_of,
]
WRONG[check_generator_step] = [
    (never_steps, "call optimizer.step()"),
    (never_goes_back, "call backward()"),
    (clears_after_going_back, "between backward() and step()"),
    (steps_before_going_back, "comes before backward()"),
    (detaches, "is there a detach"),
    (draws_without_gradient, "no_grad"),
    (never_clears, "zero_grad() before backward()"),
    (clears_too_late, "zero_grad() before backward()"),
    (steps_d_too, "D changed"),
    (leaves_d_frozen, "left frozen"),
    (leaves_d_evaluating, "left in evaluation mode"),
    (judges_in_evaluation_mode, "D is in evaluation mode"),
    (goes_uphill, "uphill"),
    (steps_twice, "yours takes 2"),
    (measures_afterwards, "measured anew after the step"),
    (loses_the_loss, "`return` the answer"),
    (returns_images, "one number is wanted"),
    (by_loss(lambda r: -F.softplus(r).mean()), "the saturating loss"),
    (by_loss(lambda r: (1 - r.sigmoid()).log().mean()), "the saturating loss"),
    (by_loss(lambda r: F.softplus(r).mean()), "target is 0"),
    (by_loss(lambda r: F.binary_cross_entropy_with_logits(r, torch.zeros_like(r))), "target is 0"),
    (by_loss(lambda r: F.softplus(-r).sum()), "that is the sum"),
    (by_loss(lambda r: F.softplus(-r.sigmoid()).mean()), "two sigmoids"),
    (by_loss(lambda r: -r.mean()), "a critic's loss"),
    (by_loss(lambda r: 0.5 * F.softplus(-r).mean()), "half of it is missing"),
    (by_loss(lambda r: F.mse_loss(r, torch.ones_like(r))), "LSGAN"),
    (by_loss(lambda r: 3 * F.softplus(-r).mean()), "the loss should be mean softplus(-real_logit)"),
    (by_digit(lambda c: F.softplus(-c).mean()), "class_logits say which one"),
    (by_digit(lambda c: F.cross_entropy(c, c.argmax(1))), "class_logits say which one"),
    (
        lambda G, D, optimizer, latent: right_step(G, D, optimizer, torch.randn(latent.shape)),
        "draw them from the latent",
    ),
    (lambda G, D, optimizer, latent: one_update(D(G(latent)).mean(), optimizer), "raised AttributeError"),
]

# Lesson 4: accuracy of each digit


def spoils_the_matrix(matrix):
    answer = matrix.diagonal() / matrix.sum(1)
    matrix.fill_diagonal_(0)
    return answer


RIGHT[check_per_class_accuracy] = [
    lambda matrix: matrix.diagonal() / matrix.sum(1),
    lambda matrix: matrix.double().diag() / matrix.double().sum(dim=1),
    lambda matrix: torch.stack([matrix[i, i] / matrix[i].sum() for i in range(len(matrix))]),
    lambda matrix: (matrix / matrix.sum(1, keepdim=True)).diagonal(),
    lambda matrix: (matrix / matrix.sum(1)).diagonal(),
    lambda matrix: np.diag(matrix) / matrix.numpy().sum(axis=1),
    lambda matrix: F.normalize(matrix.float(), p=1, dim=1).diagonal(),
]
WRONG[check_per_class_accuracy] = [
    (lambda matrix: matrix.diagonal() / matrix.sum(0), "column"),
    (lambda matrix: matrix.diagonal() / matrix.sum(), "the number of all images"),
    (lambda matrix: matrix.diagonal().sum() / matrix.sum(), "each digit gets its own"),
    (lambda matrix: (matrix.diagonal() / matrix.sum(1)).mean(), "shape"),
    (lambda matrix: matrix.diagonal(), "counts of right answers"),
    (lambda matrix: matrix.diagonal() // matrix.sum(1), "whole numbers"),
    (lambda matrix: 1 - matrix.diagonal() / matrix.sum(1), "*wrong* answers"),
    (lambda matrix: (matrix.diagonal() / matrix.sum(1)).tolist(), "a tensor is wanted"),
    (lambda matrix: matrix / matrix.sum(1, keepdim=True), "stand on its diagonal"),
    (lambda matrix: 100 * matrix.diagonal() / matrix.sum(1), "percents"),
    (lambda matrix: matrix.diagonal() / (matrix.sum(1) - matrix.diagonal()), "right answers by wrong ones"),
    (lambda matrix: matrix.diagonal() / matrix.diagonal().sum(), "the sum of the diagonal"),
    (lambda matrix: 2 * matrix.diagonal() / (matrix.sum(0) + matrix.sum(1)), "its row only"),
    (lambda matrix: matrix.float().mean(1), "only the diagonal is right"),
    (lambda matrix: matrix.sum(1), "the sums of the rows"),
    (lambda matrix: matrix.diagonal() / matrix.max(1).values, "at index"),
    (lambda matrix: matrix.diagonal() / matrix.sum(1)[:, None], "shape"),
    (lambda matrix: matrix.diagonal() / matrix.sum(2), "raised IndexError"),
    (spoils_the_matrix, "changes `confusion`"),
]

# Lesson 4: the most frequent mistake


def clears_the_diagonal(matrix):
    place = matrix.fill_diagonal_(0).argmax()
    return divmod(int(place), len(matrix))


def off_diagonal(matrix):
    return matrix * (1 - torch.eye(len(matrix), dtype=matrix.dtype))


def pair_of_largest(matrix):
    return divmod(int(matrix.argmax()), len(matrix))


def searches(matrix):
    pairs = [(i, j) for i in range(len(matrix)) for j in range(len(matrix)) if i != j]
    return max(pairs, key=lambda pair: matrix[pair])


RIGHT[check_most_confused] = [
    lambda matrix: pair_of_largest(off_diagonal(matrix)),
    lambda matrix: pair_of_largest(matrix.clone().fill_diagonal_(-1)),
    lambda matrix: (off_diagonal(matrix) == off_diagonal(matrix).max()).nonzero()[0],
    lambda matrix: torch.unravel_index(off_diagonal(matrix).argmax(), matrix.shape),
    lambda matrix: np.unravel_index(off_diagonal(matrix).numpy().argmax(), matrix.shape),
    lambda matrix: list(pair_of_largest(off_diagonal(matrix).double())),
    lambda matrix: np.argwhere(off_diagonal(matrix).numpy() == off_diagonal(matrix).numpy().max())[0],
    searches,
]
WRONG[check_most_confused] = [
    (clears_the_diagonal, "changes `confusion`"),
    (lambda matrix: pair_of_largest(off_diagonal(matrix))[::-1], "the true digit (row) comes first"),
    (lambda matrix: pair_of_largest(off_diagonal(matrix).T.contiguous()), "the true digit (row) comes first"),
    (pair_of_largest, "on the diagonal"),
    (lambda matrix: (3, 3), "lies on the diagonal"),
    (lambda matrix: pair_of_largest(off_diagonal(matrix) / matrix.sum(1, True)), "largest *share* of a row"),
    (lambda matrix: pair_of_largest(off_diagonal(matrix) / matrix.sum(0)), "largest share of a column"),
    (lambda matrix: pair_of_largest((off_diagonal(matrix) + off_diagonal(matrix).T).triu()), "both directions"),
    (lambda matrix: off_diagonal(matrix).argmax(), "which row and which column"),
    (lambda matrix: int(off_diagonal(matrix).argmax()), "which row and which column"),
    (lambda matrix: off_diagonal(matrix).max().item(), "how often it happens"),
    (lambda matrix: pair_of_largest(matrix.triu(1)), "one side of the diagonal only"),
    (lambda matrix: pair_of_largest(matrix.tril(-1)), "one side of the diagonal only"),
    (lambda matrix: divmod(int(matrix.argmin()), len(matrix)), "the rarest mistake"),
    (lambda matrix: off_diagonal(matrix).sum(1).argmax(), "the digit with the most mistakes"),
    (lambda matrix: divmod(int(off_diagonal(matrix).argmax()), 10), "take len(confusion)"),
    (lambda matrix: tuple(i + 1 for i in searches(matrix)), "counted from 1"),
    (lambda matrix: off_diagonal(matrix).argmax(1), "one pair for the whole matrix"),
    (lambda matrix: (0, 1), "it should be"),
    (lambda matrix: (0.5, 1), "digits are whole numbers"),
    (lambda matrix: "7 and 2", "return two digits, not the text '7 and 2'"),
    (lambda matrix: (*searches(matrix), 5), "return two digits"),
    (lambda matrix: ("7", "2"), "return two digits"),
    (lambda matrix: divmod(off_diagonal(matrix).argmax(), len(matrix)), "raised TypeError"),
    (lambda matrix: {"true": 7, "said": 2}, "return two digits, not a dict"),
]

# Lesson 4: a mended evaluation


def evaluation(D, images, labels, scale=to_model_range, mode=False, batch=300, mean_of_means=False, share=True):
    D.train(mode)
    right = []
    with torch.no_grad():
        for some, truth in zip(images.split(batch), labels.split(batch), strict=True):
            right.append((D(scale(some)).class_logits.argmax(1) == truth).float())
    D.train()
    if mean_of_means:
        return torch.stack([batch.mean() for batch in right]).mean()
    return torch.cat(right).mean() if share else torch.cat(right).sum()


def as_handed_out(D, images, labels):
    shares = []
    for some, truth in zip(images.split(300), labels.split(300), strict=True):
        predicted = D(some / 255).class_logits.argmax(1)
        shares.append((predicted == truth).float().mean().item())
    return sum(shares) / len(shares)


def stays_in_evaluation_mode(D, images, labels):
    D.eval()
    return accuracy(D, images, labels)


def spoils_test_images(D, images, labels):
    answer = accuracy(D, images, labels)
    images.zero_()
    return answer


RIGHT[check_test_accuracy] = [
    evaluation,
    accuracy,
    partial(evaluation, batch=77),
    lambda D, images, labels: evaluation(D, images, labels).item(),
    lambda D, images, labels: (believe(D, images).class_logits.argmax(1) == labels).numpy().mean(),
    lambda D, images, labels: np.mean(np.asarray(believe(D, images).class_logits.softmax(1).argmax(1) == labels)),
]
WRONG[check_test_accuracy] = [
    (as_handed_out, "pixels from 0 to 1"),
    (partial(evaluation, scale=lambda images: images / 255), "pixels from 0 to 1"),
    (partial(evaluation, scale=lambda images: images / 255, mean_of_means=True), "pixels from 0 to 1"),
    (partial(evaluation, mode=True), "D is in training mode"),
    (partial(evaluation, mode=True, mean_of_means=True), "D is in training mode"),
    (partial(evaluation, mean_of_means=True), "the last batch is smaller"),
    (stays_in_evaluation_mode, "left in evaluation mode"),
    (spoils_test_images, "changes `images`"),
    (partial(evaluation, share=False), "divide by the number of images"),
    (lambda D, images, labels: 100 * accuracy(D, images, labels), "percents"),
    (lambda D, images, labels: 1 - accuracy(D, images, labels), "*wrong* answers"),
    (lambda D, images, labels: accuracy(D, images[:300], labels[:300]), "the first batch only"),
    (lambda D, images, labels: accuracy(D, images[300:], labels[300:]), "the last batch only"),
    (lambda D, images, labels: accuracy(D, images, labels) * len(labels) / 600, "more images than there are"),
    (lambda D, images, labels: believe(D, images).class_logits.argmax(1) == labels, "one number is wanted"),
    (lambda D, images, labels: 0.98, "it should be"),
    (lambda D, images, labels: D(images).class_logits.argmax(1), "raised RuntimeError"),
]

# Lesson 5: a number for variety


def variety(images):
    return (images[:, None] - images[None]).abs().mean()


def spoils_images(images):
    answer = variety(images).item()
    images -= images.mean(0)
    return answer


def variety_of_pairs(images):
    pairs = [(a - b).abs().mean() for i, a in enumerate(images) for b in images[:i]]
    return sum(pairs) / len(pairs)


RIGHT[check_variety] = [
    variety,
    variety_of_pairs,
    lambda images: images.std(0, correction=0).mean().item(),
    lambda images: images.var(0).sum(),
    lambda images: np.float32(variety(images)),
    lambda images: np.asarray(images).std(axis=0).mean(),
    lambda images: torch.pdist(images.flatten(1)).mean(),
    lambda images: (images - images.mean(0)).square().sum().sqrt(),
    lambda images: 255 * variety(images).double(),
]
WRONG[check_variety] = [
    (lambda images: images.mean(), "how much ink there is"),
    (lambda images: images.sum(), "how much ink there is"),
    (lambda images: images.std(), "the spread of all pixels"),
    (lambda images: images.var().item(), "the spread of all pixels"),
    (lambda images: (images[:, None] - images[None]).mean(), "are signed"),
    (lambda images: (images - images.mean(0)).mean().item(), "are signed"),
    (lambda images: 0.0, "are signed"),
    (lambda images: (images[:-1] - images[1:]).abs().mean(), "neighbours in the batch"),
    (lambda images: (images[0] - images).abs().mean(), "with one image only"),
    (lambda images: (images[0] - images[1]).abs().mean(), "two images only"),
    (lambda images: images.std(0), "one value for each pixel"),
    (lambda images: torch.cdist(images.flatten(1), images.flatten(1)), "one value for each pair"),
    (lambda images: (images[:, None] - images[None]).abs(), "every pixel of every pair"),
    (lambda images: (images[:, None] - images[None]).abs().max(), "the largest difference"),
    (lambda images: len({image.numpy().tobytes() for image in images}), "counts different images"),
    (lambda images: images.mean((1, 2)).std(), "how much ink the images have"),
    (lambda images: -variety(images), "turn its sign"),
    (lambda images: 1 - variety(images).item(), "a likeness"),
    (lambda images: "much", "a number is wanted, not the text 'much'"),
    (lambda images: 1.0, "four times the same image has no variety, yours says 1"),
    (lambda images: float("nan"), "has no variety, yours says nan"),
    (lambda images: images.mean((1, 2)).std() + 1, "has no variety"),
    (lambda images: (images[1:3] - images[0]).abs().mean(), "do have some variety"),
    (lambda images: variety(images) + (images[0] - images[-1]).abs().mean(), "the order of the images"),
    (lambda images: variety(images) > 0, "two and two images differ more"),
    (lambda images: [variety(images)], "a number is wanted, not a list"),
    (lambda images: (images, images), "a number is wanted"),
    (spoils_images, "changes `images`"),
]

# Lesson 5: the centre of mass


def centre(image):
    places, ink = torch.arange(28.0), image.sum()
    return image.sum(1) @ places / ink, image.sum(0) @ places / ink


def centre_by_loop(image):
    rows = sum(i * float(row.sum()) for i, row in enumerate(image)) / float(image.sum())
    columns = sum(j * float(column.sum()) for j, column in enumerate(image.T)) / float(image.sum())
    return [rows, columns]


def centre_in_place(image):
    image /= image.sum()
    return image.sum(1) @ torch.arange(28.0), image.sum(0) @ torch.arange(28.0)


def centre_of_places(image):
    places = image.nonzero().float()
    weights = image[image > 0]
    return (places * weights[:, None]).sum(0) / weights.sum()


RIGHT[check_centre_of_mass] = [
    centre,
    centre_by_loop,
    centre_of_places,
    lambda image: torch.stack(centre(image)),
    lambda image: tuple(np.float64(place) for place in centre(image)),
    lambda image: np.array([float(place) for place in centre(image)]),
    lambda image: np.average(np.indices((28, 28)), axis=(1, 2), weights=np.broadcast_to(image.numpy(), (2, 28, 28))),
]
WRONG[check_centre_of_mass] = [
    (lambda image: centre(image)[::-1], "wrong way round"),
    (lambda image: image.nonzero().float().mean(0), "weigh each place"),
    (lambda image: centre((image > 0).float()), "weigh each place"),
    (lambda image: centre((image > 0.5).float()), "all or nothing"),
    (lambda image: divmod(int(image.argmax()), 28), "the darkest pixel"),
    (lambda image: (13.5, 13.5), "the middle of the picture"),
    (lambda image: (image.sum(1) @ torch.arange(28.0), image.sum(0) @ torch.arange(28.0)), "divide by the ink"),
    (lambda image: (image.sum(1) @ torch.arange(28.0) / 28, image.sum(0) @ torch.arange(28.0) / 28), "by their ink"),
    (lambda image: [place + 1 for place in centre(image)], "from 1"),
    (lambda image: [place / 28 for place in centre(image)], "a share of the side"),
    (lambda image: [round(place.item()) for place in centre(image)], "whole pixels"),
    (lambda image: [int(place) for place in centre(image)], "whole pixels"),
    (lambda image: [place - 13.5 for place in centre(image)], "top left corner"),
    (lambda image: (image.sum(1).argmax(), image.sum(0).argmax()), "with the most ink"),
    (lambda image: (image.sum(1).max(), image.sum(0).max()), "where are they?"),
    (lambda image: centre(1 - image), "by the paper"),
    (lambda image: (27 - centre(image)[0], centre(image)[1]), "from below"),
    (lambda image: (centre(image)[0],) * 2, "the same one"),
    (lambda image: 4.0, "return two numbers, row and column"),
    (lambda image: "in the middle", "return two numbers"),
    (lambda image: (1.0, 2.0, 3.0), "return two numbers"),
    (lambda image: (float("nan"), 3.0), "is no place"),
    (lambda image: (4, 9), "has its middle at"),
    (lambda image: image.sum(1) @ torch.arange(28), "raised RuntimeError"),
    (centre_in_place, "changes `image`"),
]

# Lesson 6: a confidence interval


def interval(differences, factor=2.262, correction=1, root=0.5):
    error = differences.std(correction=correction) / len(differences) ** root
    return differences.mean() - factor * error, differences.mean() + factor * error


def interval_by_numpy(differences):
    values = differences.numpy()
    half = 2.262 * values.std(ddof=1) / np.sqrt(len(values))
    return np.array([values.mean() - half, values.mean() + half])


def interval_in_place(differences):
    mean = differences.mean()
    error = differences.sub_(mean).square().sum().div(9).sqrt() / 10**0.5
    return mean - 2.262 * error, mean + 2.262 * error


RIGHT[check_confidence_interval] = [
    interval,
    interval_by_numpy,
    lambda d: [float(end) for end in interval(d)],
    lambda d: torch.stack(interval(d)),
    lambda d: tuple(np.float64(end) for end in interval(d)),
    lambda d: d.mean() + 2.262 * d.std() / len(d) ** 0.5 * torch.tensor([-1, 1]),
    lambda d: [end.numpy() for end in interval(d)],
]
WRONG[check_confidence_interval] = [
    (lambda d: interval(d)[::-1], "the low end comes first"),
    (lambda d: interval(d, root=0), "spread of single runs"),
    (lambda d: interval(d, factor=1, root=0), "spread of single runs"),
    (lambda d: interval(d, factor=1.96), "Student's t"),
    (lambda d: interval(d, correction=0), "n - 1"),
    (lambda d: interval(d, factor=5), "it should be"),
    (lambda d: (d.min(), d.max()), "where single runs lie"),
    (lambda d: interval(d, root=1), "by √n, not by n"),
    (lambda d: interval(d, factor=1), "take 2.262 of them"),
    (lambda d: (d.mean() - 2.262 * d.std() / 3, d.mean() + 2.262 * d.std() / 3), "so here it is √n"),
    (lambda d: (d.quantile(0.025), d.quantile(0.975)), "quantiles of single runs"),
    (lambda d: tuple(np.percentile(d, [2.5, 97.5])), "quantiles of single runs"),
    (lambda d: (d.mean(), 2.262 * d.std() / len(d) ** 0.5), "mean - half and mean + half"),
    (lambda d: [end - d.mean() for end in interval(d)], "lies around 0"),
    (lambda d: [end - d.mean() + d.quantile(0.5) for end in interval(d)], "around the median"),
    (lambda d: (d.mean(), interval(d)[1]), "to *both* sides"),
    (lambda d: interval(d, factor=1.131), "to *each* side"),
    (lambda d: interval(d.abs()), "you lose the signs"),
    (lambda d: [d.mean() - 2.262 * d.var() / 10**0.5, d.mean() + 2.262 * d.var() / 10**0.5], "squared units"),
    (lambda d: d.mean(), "return two numbers"),
    (lambda d: (0.0, 0.5), "should lie around the mean"),
    (lambda d: "0.01 to 0.05", "return two numbers"),
    (lambda d: (*interval(d), d.mean()), "return two numbers"),
    (lambda d: np.mean(d, dtype="words"), "raised TypeError"),
    (interval_in_place, "changes `differences`"),
]

# Lesson 6: the price of luck


def best_by_chances(accuracies, tries):
    return (accuracies.sort().values * (torch.linspace(0, 1, len(accuracies) + 1) ** tries).diff()).sum()


def best_by_drawing(accuracies, tries):
    drawn = torch.randint(len(accuracies), (10_000, tries), generator=torch.Generator().manual_seed(0))
    return accuracies[drawn].max(1).values.mean()


def best_by_numpy(accuracies, tries):
    chance = np.random.default_rng(0)
    return chance.choice(accuracies.numpy(), (20_000, tries)).max(axis=1).mean()


def best_by_counting(accuracies, tries):
    from itertools import product

    all_draws = list(product(accuracies.tolist(), repeat=tries))
    return sum(map(max, all_draws)) / len(all_draws)


def best_by_steps(accuracies, tries):
    n = len(accuracies)
    ranked = sorted(accuracies.tolist())
    return sum(a * (((i + 1) / n) ** tries - (i / n) ** tries) for i, a in enumerate(ranked))


def best_in_place(accuracies, tries):
    accuracies.copy_(accuracies.sort().values)
    return best_by_chances(accuracies, tries)


def draws_without_putting_back(accuracies, tries):
    drawn = torch.stack([torch.randperm(len(accuracies))[:tries] for _ in range(3000)])
    return accuracies[drawn].max(1).values.mean()


RIGHT[check_best_of] = [
    best_by_chances,
    best_by_drawing,
    best_by_numpy,
    best_by_counting,
    best_by_steps,
    lambda accuracies, tries: best_by_chances(accuracies, tries).item(),
    lambda accuracies, tries: np.float32(best_by_chances(accuracies, tries)),
]
WRONG[check_best_of] = [
    (lambda a, tries: a.max(), "best of all"),
    (lambda a, tries: a.mean(), "the mean of all"),
    (lambda a, tries: a.median() if len(a) % 2 else a.quantile(0.5), "the median"),
    (lambda a, tries: a[:tries].max(), "the first runs of the list"),
    (draws_without_putting_back, "without putting back"),
    (lambda a, tries: (a * (torch.linspace(0, 1, len(a) + 1) ** tries).diff()).sum(), "sort the accuracies first"),
    (lambda a, tries: a.topk(tries).values.mean(), "the mean of the best runs"),
    (lambda a, tries: 1 - best_by_chances(1 - a, tries), "the *worst* of the tries"),
    (lambda a, tries: a[torch.randint(len(a), (tries,))].max(), "that is one draw"),
    (lambda a, tries: (a.sort().values * torch.linspace(0, 1, len(a) + 1)[1:] ** tries).sum(), "the second part"),
    (lambda a, tries: best_by_chances(a, 1) * tries, "the exponent is missing"),
    (lambda a, tries: best_by_chances(a, len(a) * tries), "each try is one run"),
    (lambda a, tries: a, "one number is wanted"),
    (lambda a, tries: a.sort(), "a number is wanted"),
    (lambda a, tries: "0.9", "a number is wanted, not the text"),
    (lambda a, tries: [0.9], "a number is wanted, not a list"),
    (lambda a, tries: 0.75, "it should be"),
    (lambda a, tries: best_by_chances(a, tries) + 0.1, "it should be"),
    (lambda a, tries: best_by_chances(a, tries) * 100, "it should be"),
    (lambda a, tries: float("nan"), "it should be"),
    (lambda a, tries: a[tries * 100], "raised IndexError"),
    (best_in_place, "changes `accuracies`"),
]

# Lesson 7: pseudo-labels


def pseudo_labels(logits, confidence, detach=True):
    probability, label = (logits.detach() if detach else logits).softmax(1).max(1)
    return label, probability >= confidence


def pseudo_labels_in_place(logits, confidence):
    logits -= logits.max(1, keepdim=True).values
    return pseudo_labels(logits, confidence)


def only_the_sure_ones(logits, confidence):
    label, sure = pseudo_labels(logits, confidence)
    return label[sure], sure


RIGHT[check_pseudo_labels] = [
    pseudo_labels,
    pseudo_label,
    partial(pseudo_labels, detach=False),
    lambda *given: list(pseudo_labels(*given)),
    lambda logits, c: (logits.argmax(1), logits.softmax(1).max(1).values > c),
    lambda logits, c: (logits.argmax(1), logits.log_softmax(1).max(1).values >= math.log(c)),
    lambda logits, c: (logits.argmax(1).int(), (logits.softmax(1) >= c).any(1)),
    lambda logits, c: tuple(part.numpy() for part in pseudo_labels(logits, c)),
]
WRONG[check_pseudo_labels] = [
    (lambda logits, c: (logits.argmax(1), logits.max(1).values >= c), "softmax first"),
    (lambda logits, c: (logits.argmax(1), logits.sigmoid().max(1).values >= c), "a sigmoid asks about one logit"),
    (lambda logits, c: (logits.argmin(1), logits.softmax(1).max(1).values >= c), "argmax, not argmin"),
    (lambda logits, c: (logits.argmax(1), logits.softmax(1).max(1).values), "compare it with the confidence"),
    (lambda logits, c: logits.detach().softmax(1).max(1), "the probability first, then the class"),
    (lambda logits, c: (logits.argmax(1), logits.detach().softmax(1).max(1).values < c), "who is *not* sure"),
    (lambda logits, c: pseudo_labels(logits, c)[::-1], "are exchanged"),
    (lambda logits, c: (logits.argmax(1), logits.softmax(0).max(1).values >= c), "runs over the batch"),
    (lambda logits, c: logits.argmax(1), "return two tensors"),
    (lambda logits, c: (logits.argmax(1), logits.softmax(1) >= c), "for each class of each image"),
    (lambda logits, c: (logits.argmax(1), logits.log_softmax(1).max(1).values >= c), "A logarithm".lower()),
    (lambda logits, c: (logits.argmax(1) + 1, pseudo_labels(logits, c)[1]), "count from 1"),
    (lambda logits, c: (logits.argmax(1), (logits.softmax(1).max() >= c).expand(len(logits))), "the whole batch"),
    (lambda logits, c: (logits.argmax(1), logits.softmax(1).topk(2).values.diff().abs()[:, 0] >= c), "of the second"),
    (lambda logits, c: (logits.softmax(1), pseudo_labels(logits, c)[1]), "one class number for each image"),
    (lambda logits, c: (F.one_hot(logits.argmax(1)), pseudo_labels(logits, c)[1]), "one class number"),
    (lambda logits, c: (logits.argmax(1), pseudo_labels(logits, c)[1].float()), "keep the booleans"),
    (lambda logits, c: (logits.argmax(1).float(), pseudo_labels(logits, c)[1]), "yours are floats"),
    (lambda logits, c: (logits.argmax(1), pseudo_labels(logits, 0.91)[1]), "make"),
    (lambda logits, c: (torch.tensor([0, 1, 2, 1]), torch.tensor([True, False, True, False])), "are left out"),
    (only_the_sure_ones, "some images are left out"),
    (lambda logits, c: (torch.where(pseudo_labels(logits, c)[1], logits.argmax(1), -1), pseudo_labels(logits, c)[1]),
     "should get the label"),
    (lambda logits, c: [3, 7], "a tensor is wanted"),
    (lambda logits, c: "sure", "return two tensors"),
    (lambda logits, c: (logits.argmax(1), logits.softmax(2)), "raised IndexError"),
    (pseudo_labels_in_place, "changes `class_logits`"),
]  # fmt: skip

# Lesson 7: a moving average


def average_in_place(old, new, decay):
    return old.mul_(decay).add_((1 - decay) * new)


RIGHT[check_moving_average] = [
    lambda old, new, d: d * old + (1 - d) * new,
    lambda old, new, d: old + (1 - d) * (new - old),
    lambda old, new, d: old.lerp(new, 1 - d),
    lambda old, new, d: new.lerp(old, d),
    lambda old, new, d: d * old.double() + (1 - d) * new.double(),
    lambda old, new, d: d * old.numpy() + (1 - d) * new.numpy(),
    lambda old, new, d: torch.stack([old, new]).mul(torch.tensor([d, 1 - d])[:, None, None]).sum(0),
    lambda old, new, d: average_in_place(old.clone(), new, d),
]
WRONG[check_moving_average] = [
    (lambda old, new, d: (1 - d) * old + d * new, "the other way round"),
    (lambda old, new, d: old.lerp(new, d), "the other way round"),
    (lambda old, new, d: (old + new) / 2, "the same weight"),
    (lambda old, new, d: (d * old + (1 - d) * new).mean(), "that is one number"),
    (lambda old, new, d: 0.9 * old + 0.1 * new, "a fixed decay"),
    (lambda old, new, d: 0.999 * old + 0.001 * new, "a fixed decay"),
    (lambda old, new, d: d * old + new, "more than 1"),
    (lambda old, new, d: d * (old + new), "both are multiplied by decay"),
    (lambda old, new, d: old + (1 - d) * new, "the weights grow"),
    (lambda old, new, d: old + new, "the weights grow"),
    (lambda old, new, d: new.clone(), "nothing of the old average"),
    (lambda old, new, d: old.clone(), "nothing of the new weights"),
    (lambda old, new, d: d * old, "only the part of the old average"),
    (lambda old, new, d: (1 - d) * new, "only the part of the new weights"),
    (lambda old, new, d: d * old - (1 - d) * new, "taken away"),
    (lambda old, new, d: old + (1 - d) * (old - new), "step away"),
    (lambda old, new, d: (d * old + (1 - d) * new) / (1 - d), "as Adam does"),
    (lambda old, new, d: torch.tensor([1.1, 0.1, -1.6]), "shape"),
    (lambda old, new, d: (d * old + (1 - d) * new).tolist(), "a tensor is wanted"),
    (lambda old, new, d: d**2 * old + (1 - d**2) * new, "at index"),
    (lambda old, new, d: torch.cat([d * old, (1 - d) * new]), "shape"),
    (lambda old, new, d: 0.5, "a tensor is wanted, yours is the number 0.5"),
    (lambda old, new, d: torch.cat([old, new], dim=5), "raised IndexError"),
    (average_in_place, "changes `average`"),
]


def answers(table):
    return [
        pytest.param(check, *(one if isinstance(one, tuple) else (one,)), id=f"{check.__name__}-{i}")
        for check, those in table.items()
        for i, one in enumerate(those)
    ]


def said_by(check, solution, capsys):
    passed, said = check(solution), capsys.readouterr().out
    assert len(said.splitlines()) == 1, said
    assert said.startswith("✓ " if passed else "Not yet: ")
    return passed, said


@pytest.mark.parametrize(("check", "solution"), answers(RIGHT))
def test_a_right_answer_passes_however_it_is_written(check, solution, capsys):
    passed, said = said_by(check, solution, capsys)
    assert passed is True, said


@pytest.mark.parametrize(("check", "solution", "words"), answers(WRONG))
def test_a_wrong_answer_hears_what_is_wrong(check, solution, words, capsys):
    passed, said = said_by(check, solution, capsys)
    assert passed is False
    assert words in said


def test_enough_answers_are_tried():
    assert len(RIGHT) == len(WRONG) == 15
    assert sum(map(len, WRONG.values())) >= 250
    assert sum(map(len, RIGHT.values())) >= 80
    for check, wrong in WRONG.items():
        assert len({words for _, words in wrong}) >= 12, check


KNOWN = {
    check_to_model_range: data.MODEL_RANGE_MISTAKES,
    check_output_size: models.OUTPUT_SIZE_MISTAKES,
    check_probability_real: models.PROBABILITY_REAL_MISTAKES,
    check_cross_entropy: training.CROSS_ENTROPY_MISTAKES,
    check_generator_step: training.GENERATOR_STEP_MISTAKES,
    check_per_class_accuracy: results.PER_CLASS_ACCURACY_MISTAKES,
    check_most_confused: results.MOST_CONFUSED_MISTAKES,
    check_test_accuracy: results.TEST_ACCURACY_MISTAKES,
    check_variety: playground.VARIETY_MISTAKES,
    check_centre_of_mass: playground.CENTRE_MISTAKES,
    check_confidence_interval: label_efficiency.INTERVAL_MISTAKES,
    check_best_of: label_efficiency.BEST_OF_MISTAKES,
    check_pseudo_labels: beyond_the_paper.PSEUDO_LABEL_MISTAKES,
    check_moving_average: beyond_the_paper.MOVING_AVERAGE_MISTAKES,
}


@pytest.mark.parametrize("check", KNOWN)
def test_no_known_mistake_is_taken_for_another(check, capsys):
    assert len(KNOWN[check]) >= 6
    for sentence, computed in KNOWN[check].items():
        for mistake in computed if isinstance(computed, list) else [computed]:
            passed, said = said_by(check, mistake, capsys)
            assert not passed
            assert said == f"Not yet: {sentence}\n"


# Lesson 5: somebody's runs, and a rescue

NAMES = {"A": "diverges", "B": "healthy", "C": "d_wins", "D": "softmax_twice", "E": "mode_collapse"}


@pytest.mark.parametrize(
    "answer", [NAMES, NAMES | {"B": "Lesson", "C": "D wins"}, NAMES | {"D": "double softmax", "E": "Mode-Collapse"}]
)
def test_the_names_of_somebodys_runs_are_accepted(answer, capsys):
    assert said_by(check_somebodys_runs, answer, capsys)[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "dots in the place of your answer"),
        ("diverges", "a dictionary is wanted"),
        ({}, "case A has no name yet"),
        (dict.fromkeys("ABCDE", ...), "case A has no name yet"),
        (NAMES | {"E": ...}, "case E has no name yet"),
        (NAMES | {"C": "overfits"}, "'overfits' is none of the names"),
        (NAMES | {"A": 3}, "is none of the names"),
        (NAMES | {"A": "healthy"}, "case A is not healthy: then the losses would stay small"),
        (NAMES | {"B": "mode_collapse"}, "case B is not mode_collapse: then one image would stand there"),
        (NAMES | {"C": "mode_collapse"}, "case C is not mode_collapse"),
        (NAMES | {"D": "d_wins"}, "case D is not d_wins: then the belief in generated images"),
        (NAMES | {"E": "softmax_twice"}, "case E is not softmax_twice: then the supervised loss"),
        (NAMES | {"E": "diverges"}, "case E is not diverges: then the losses would reach tens"),
        (NAMES | {"F": "healthy"}, "there is no case"),
    ],
)
def test_wrong_names_of_somebodys_runs_hear_what_one_would_see(answer, words, capsys):
    passed, said = said_by(check_somebodys_runs, answer, capsys)
    assert not passed
    assert words in said


def test_each_of_somebodys_runs_shows_its_sign_and_no_other_does():
    assert load_record("cases").about["cases"] == NAMES
    ends = {name: curves_of(case).tail(30).mean() for case, name in NAMES.items()}
    most = {name: curves_of(case).supervised.max() for case, name in NAMES.items()}
    lowest = {name: curves_of(case).supervised.min() for case, name in NAMES.items()}
    variety_of = {name: float(variety(torch.tensor(images_of(case)) / 255)) for case, name in NAMES.items()}
    assert [name for name in ends if ends[name].belief_in_generated < 0.03] == ["d_wins"]
    assert [name for name in most if most[name] > 20] == ["diverges"]
    assert [name for name in lowest if lowest[name] > 1.46 and most[name] < 5] == ["softmax_twice"]
    collapsed = variety_of.pop("mode_collapse")
    assert collapsed < 0.6 * variety_of["healthy"]
    assert ends["healthy"].supervised < 0.5
    assert len({len(curves_of(case)) for case in NAMES}) == 1


def a_run_that_ends(generated, real):
    return lambda changes: pd.DataFrame({"belief_in_generated": [0.5, generated], "belief_in_real": [0.5, real]}).loc[
        1:
    ]


@pytest.mark.parametrize(
    "change", [{"learning_rate_g": 4e-3}, {"input_noise": 1}, {"learning_rate_d": np.float64(1e-4)}]
)
def test_a_rescue_is_accepted(change, capsys):
    passed, said = said_by(partial(check_rescue, run=a_run_that_ends(0.3, 0.7)), change, capsys)
    assert passed, said
    assert "ends at 0.30" in said


def diverges(changes):
    raise SGANError("the loss is not finite.")


@pytest.mark.parametrize(
    ("change", "run", "words"),
    [
        (..., None, "dots in the place of your answer"),
        (3, None, "a dictionary is wanted"),
        ({}, None, "nothing is changed yet"),
        ({"learning_rate": 1e-3}, None, "there is no hyperparameter 'learning_rate': do you mean learning_rate_"),
        ({"xyz": 1}, None, "Copy as code"),
        ({"learning_rate_g": 4e-3, "input_noise": 1}, None, "you turn 2 knobs"),
        ({"learning_rate_g": 2e-5}, None, "in this preset already"),
        ({"learning_rate_g": "fast"}, None, "learning_rate_g"),
        ({"learning_rate_g": -1}, None, "learning_rate_g"),
        ({"steps": 400}, None, "more of them only prolong it"),
        ({"seed": 7}, None, "another draw of the same game"),
        ({"labels": 100}, None, "another question"),
        ({"unsupervised_weight": 0.1}, None, "how much the game counts"),
        ({"learning_rate_g": 4e-5}, a_run_that_ends(0.01, 0.99), "D still wins"),
        ({"learning_rate_g": 0.5}, a_run_that_ends(0.9, 0.2), "now D loses"),
        ({"learning_rate_d": 1.0}, diverges, "fails in another way: the loss is not finite"),
    ],
)
def test_what_is_no_rescue_hears_why(change, run, words, capsys):
    passed, said = said_by(partial(check_rescue, run=run), change, capsys)
    assert not passed
    assert words in said


# Whatever an answer is, the check answers in one line


def raises(*arguments):
    raise ValueError("I am broken")


def raises_without_words(*arguments):
    raise RuntimeError


class SilentError(Exception):
    def __str__(self):
        raise ValueError("no words")


def raises_something_odd(*arguments):
    raise SilentError


def forgets_to_return(*arguments):
    sum(range(3))


def is_still_the_stub(*arguments):
    return ...


def leaves(*arguments):
    raise SystemExit(3)


def never_ends(*arguments):
    return never_ends(*arguments)


UNFINISHED = [
    (is_still_the_stub, "returns nothing. Replace the dots"),
    (..., "Replace the dots"),
    (forgets_to_return, "`return`"),
    (raises, "raised ValueError: I am broken (line"),
    (raises, '`raise ValueError("I am broken")`).'),
    (raises_without_words, "raised RuntimeError (line"),
    (raises_something_odd, "raised SilentError"),
    (leaves, "raised SystemExit: 3"),
    (never_ends, "raised RecursionError"),
    (lambda: 1, "raised TypeError"),
    (None, "a function is wanted here, not a NoneType: hand over its name"),
    (0.98, "a function is wanted here, not the number 0.98"),
]
ODD = [object(), {}, set(), b"bytes", "", [], [[1], [2, 3]], float("inf"), 10**400, 1j, lambda: 1, torch.tensor(1j)]
CHECKS = [
    check
    for module in pkgutil.iter_modules(exercises.__path__)
    for name, check in vars(importlib.import_module(f"sgan_utils.exercises.{module.name}")).items()
    if name.startswith("check_") and check.__module__ == f"sgan_utils.exercises.{module.name}"
]


@pytest.mark.parametrize("check", WRONG)
@pytest.mark.parametrize(("unfinished", "words"), UNFINISHED)
def test_an_unfinished_solution_is_answered_in_words(check, unfinished, words, capsys):
    passed, said = said_by(check, unfinished, capsys)
    assert not passed
    assert words in said


@pytest.mark.parametrize("check", CHECKS)
def test_no_check_raises_or_accepts_an_odd_answer(check, capsys):
    for odd in ODD:
        passed, said = said_by(check, lambda *arguments, odd=odd: odd, capsys)
        assert passed is False, odd
        assert said.count("\n") == 1


@pytest.mark.parametrize("check", WRONG)
def test_every_check_can_be_interrupted(check):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted)


@pytest.mark.parametrize("check", RIGHT)
def test_a_check_leaves_the_random_state_alone(check, capsys):
    before = torch.get_rng_state()
    check(RIGHT[check][0])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_in_a_library_is_told_with_the_learners_own_line(capsys):
    def stacks(pixels):
        return torch.stack([pixels, pixels[0]])

    _, said = said_by(check_to_model_range, stacks, capsys)
    assert "`return torch.stack([pixels, pixels[0]])`" in said


def test_a_function_with_other_arguments_hears_what_it_is_given(capsys):
    _, said = said_by(check_balanced_draw, lambda labels: labels, capsys)
    assert "(it is called with `labels`, `per_class`)" in said


def test_an_answer_whose_examination_fails_is_answered_too(capsys):
    def examine():
        raise ZeroDivisionError

    assert checking.check(examine) is False
    assert "cannot be read (ZeroDivisionError)" in capsys.readouterr().out
