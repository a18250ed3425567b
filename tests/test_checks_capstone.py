"""The capstone's checks: its model answer passes, each of many mistakes in it gets its own sentence, nothing raises."""

import nbformat
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgan_utils.config import CLASSES
from sgan_utils.exercises import capstone
from sgan_utils.results import load_record
from sgan_workshop.publish.notebooks import lesson_paths

CHECKS = {
    "choose_labelled": capstone.check_choice,
    "Generator": capstone.check_generator,
    "Discriminator": capstone.check_discriminator,
    "d_loss": capstone.check_d_loss,
    "g_loss": capstone.check_g_loss,
    "step": capstone.check_step,
    "accuracy": capstone.check_accuracy,
    "train": capstone.check_training,
}
CELLS = nbformat.read(lesson_paths("capstone")[0], as_version=4).cells
SOLUTIONS = [cell.source for cell in CELLS if "solution" in cell.metadata.get("tags", [])]
# The definitions alone: the lines that call checks or train are run by nbval.
ANSWER = "\n\n\n".join(cell.split("\n\n\nassert ")[0] for cell in SOLUTIONS[:-1])


def parts_of(source):
    namespace = {"torch": torch, "nn": nn, "F": F, "np": np}
    exec(source, namespace)
    return namespace


def changed(*replacements):
    """The model answer with some of its text replaced."""
    source = ANSWER
    for old, new in replacements:
        assert old in source, f"the model answer no longer has {old!r}"
        source = source.replace(old, new)
    return parts_of(source)


def said_by(check, part, capsys):
    passed = check(part)
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1, said
    assert said.startswith("✓ " if passed else "Not yet: "), said
    return passed, said


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "train"])
def test_the_model_answer_passes(name, capsys):
    passed, said = said_by(CHECKS[name], parts_of(ANSWER)[name], capsys)
    assert passed, said


@pytest.mark.parametrize("name", CHECKS)
def test_while_nothing_is_written_a_check_says_so(name, capsys):
    passed, said = said_by(CHECKS[name], ..., capsys)
    assert not passed
    assert "nothing is written here yet. Replace the dots" in said


def raises(*arguments):
    raise ValueError("I am broken")


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    ("part", "word"),
    [
        (raises, "raised ValueError: I am broken"),
        (None, "a function is wanted here, not a NoneType"),
        (lambda *arguments: 1 / 0, "raised ZeroDivisionError"),
        (lambda *arguments: None, "Not yet: "),
    ],
)
def test_an_unfinished_part_is_answered_in_words(name, part, word, capsys):
    passed, said = said_by(CHECKS[name], part, capsys)
    assert not passed
    assert word in said


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    "odd",
    [0, 1.5, "", [], {}, (), b"bytes", object(), torch.zeros(()), torch.tensor(1j)],
    ids=lambda odd: type(odd).__name__,
)
def test_an_odd_answer_is_neither_accepted_nor_raises(name, odd, capsys):
    passed, said = said_by(CHECKS[name], lambda *arguments: odd, capsys)
    assert not passed, said


@pytest.mark.parametrize("name", ["Generator", "Discriminator"])
def test_a_finished_network_in_the_place_of_its_class_is_named(name, capsys):
    passed, said = said_by(CHECKS[name], parts_of(ANSWER)[name](), capsys)
    assert not passed
    assert "that is a network already" in said


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_can_be_interrupted(name):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CHECKS[name](interrupted)


FIRST = "[torch.randperm(len(places))[: count // 10]]"
DRAW = "return torch.cat([places"
G_SHAPE = "nn.Conv2d(16, 1, 3, padding=1)"
D_OUT = "return logits, logits.logsumexp(1)"
D_LAYERS = "logits = self.layers(images)"
WHICH = "F.cross_entropy(D(images)[0], labels)"
REAL = "F.softplus(-D(unlabelled)[1])"
NOT_REAL = "F.softplus(D(generated)[1])"
D_SUM = "which_digit + 0.5 * real.mean() + 0.5 * not_real.mean()"
G_LOSS = "return F.softplus(-D(generated)[1]).mean()"
G_STEP = "g_loss(D, generated).backward()"
STEP = "adam_d.zero_grad()\n    d_loss(D, noisy(images), labels, noisy(unlabelled), generated.detach()).backward()"
FLOATS = "D(to_floats(part))[0].argmax(1)"
SHARE = "(names == labels).float().mean().item()"
NET = "    def forward(self, latent):\n        return super().forward({})"
G_END = f"super().__init__(start, up(64, 32), up(32, 16), {G_SHAPE}, nn.Tanh())"

WRONG = [
    # part 1
    ("choose_labelled", "not how many of each digit", [("count // 10", "count")]),
    ("choose_labelled", "always take the first", [(FIRST, "[: count // 10]")]),
    ("choose_labelled", "chosen twice", [("torch.randperm(len(places))", "torch.randint(3, (len(places),))")]),
    ("choose_labelled", "every call chooses the same", [
        ("torch.randperm(len(places))", "torch.randperm(len(places), generator=torch.Generator().manual_seed(0))")
    ]),
    ("choose_labelled", "does not look at the labels", [
        (DRAW, "return torch.randperm(len(labels))[:count]\n    ([places")
    ]),
    ("choose_labelled", "those are labels", [
        (DRAW, "return labels[torch.randperm(len(labels))[:count]]\n    ([places")
    ]),
    ("choose_labelled", "a mask", [(DRAW, "return labels < 3\n    ([places")]),
    ("choose_labelled", "changes `labels`", [("of_each =", "labels[:9] = 0\n    of_each =")]),
    ("choose_labelled", "in all, you chose", [("count // 10", "1 + count // 10")]),
    ("choose_labelled", "in one row", [("torch.cat(", "torch.stack(")]),
    # part 2
    ("Generator", "together one linear layer", [("nn.ReLU()", "nn.Identity()")]),
    ("Generator", "sigmoid gives 0 to 1", [("nn.Tanh()", "nn.Sigmoid()")]),
    ("Generator", "end with tanh", [(", nn.Tanh()", "")]),
    ("Generator", "the channel is missing", [("nn.Tanh()", "nn.Tanh(), nn.Flatten(1, 2)")]),
    ("Generator", "in one row", [("nn.Tanh()", "nn.Tanh(), nn.Flatten()")]),
    ("Generator", "yours are (16, 1, 14, 14)", [("up(64, 32), up(32, 16)", "up(64, 16)")]),
    ("Generator", "yours are (16, 3, 28, 28)", [(G_SHAPE, "nn.Conv2d(16, 3, 3, padding=1)")]),
    ("Generator", "no gradient leads back", [(G_END, f"{G_END}\n\n{NET.format('latent')}.detach()")]),
    ("Generator", "do not depend on the latents", [(G_END, f"{G_END}\n\n{NET.format('0 * latent')}")]),
    ("Generator", "draw no random numbers in G", [(G_END, f"{G_END}\n\n{NET.format('torch.randn_like(latent)')}")]),
    ("Generator", "is this layer used at all", [(G_END, f"{G_END}\n        self.spare = nn.Parameter(torch.ones(1))")]),
    # part 3
    ("Discriminator", "ends with a softmax: cross_entropy", [(D_OUT, "return logits.softmax(1), logits.logsumexp(1)")]),
    ("Discriminator", "softmax over the batch", [(D_OUT, "return logits.softmax(0), logits.logsumexp(1)")]),
    ("Discriminator", "as after a sigmoid", [(D_OUT, "return logits, logits.logsumexp(1).sigmoid()")]),
    ("Discriminator", "no class logit is ever negative", [(D_OUT, "return logits.relu(), logits.logsumexp(1)")]),
    ("Discriminator", "return two tensors", [(D_OUT, "return logits")]),
    ("Discriminator", "swap the two", [(D_OUT, "return logits.logsumexp(1), logits")]),
    ("Discriminator", "(16, 1) and should be (16,)", [(D_OUT, "return logits, logits.logsumexp(1, keepdim=True)")]),
    ("Discriminator", "ten columns", [("nn.Linear(64 * 4 * 4, 10)", "nn.Linear(64 * 4 * 4, 11)")]),
    ("Discriminator", "reaches the images", [(D_LAYERS, "logits = self.layers(images.detach())")]),
    ("Discriminator", "depends on the other images", [
        (D_LAYERS, f"{D_LAYERS}\n        logits = logits - logits.mean(0)")
    ]),
    ("Discriminator", "leads back to D's weights", [(D_OUT, "return logits, logits.logsumexp(1).detach()")]),
    ("Discriminator", "minus the logsumexp", [(D_OUT, "return logits, -logits.logsumexp(1)")]),
    # part 4
    ("d_loss", "softmax is applied twice", [(WHICH, "F.cross_entropy(D(images)[0].softmax(1), labels)")]),
    ("d_loss", "sigmoid is applied twice", [(REAL, "F.softplus(-D(unlabelled)[1].sigmoid())")]),
    ("d_loss", "sigmoid is applied twice", [(NOT_REAL, "F.softplus(D(generated)[1].sigmoid())")]),
    ("d_loss", "summed over the batch", [("real.mean() +", "real.sum() +")]),
    ("d_loss", "summed over the batch", [(WHICH, "F.cross_entropy(D(images)[0], labels, reduction='sum')")]),
    ("d_loss", "a sign is wrong", [(D_SUM, f"-({D_SUM})")]),
    ("d_loss", "the labels do not count", [(D_SUM, "real.mean() + not_real.mean()")]),
    ("d_loss", "real and generated are the wrong way round", [(REAL, "F.softplus(D(unlabelled)[1])")]),
    ("d_loss", "told that generated images are real", [(NOT_REAL, "F.softplus(-D(generated)[1])")]),
    ("d_loss", "you call the labelled ones real", [(REAL, "F.softplus(-D(images)[1])")]),
    ("d_loss", "unlabelled images do not count", [(D_SUM, "which_digit + not_real.mean()")]),
    ("d_loss", "generated images do not count", [(D_SUM, "which_digit + real.mean()")]),
    ("d_loss", "the mean logit itself", [(REAL, "-D(unlabelled)[1]"), (NOT_REAL, "D(generated)[1]")]),
    ("d_loss", "take the mean", [("real.mean() +", "real +"), ("not_real.mean()", "0")]),
    ("d_loss", "no gradient leads back", [(D_SUM, f"({D_SUM}).detach()")]),
    ("d_loss", "your loss is not finite", [(REAL, "-D(unlabelled)[1].mul(1000).sigmoid().log()")]),
    ("d_loss", "made of no cross-entropies", [(REAL, "(1 - D(unlabelled)[1]).square()")]),
    ("d_loss", "a loss is a tensor", [(D_SUM, f"({D_SUM}).item()")]),
    # part 5
    ("g_loss", "the wrong way round", [(G_LOSS, "return F.softplus(D(generated)[1]).mean()")]),
    ("g_loss", "the wrong way round", [(G_LOSS, "return -F.softplus(-D(generated)[1]).mean()")]),
    ("g_loss", "sigmoid is applied twice", [(G_LOSS, "return F.softplus(-D(generated)[1].sigmoid()).mean()")]),
    ("g_loss", "summed over the batch", [(G_LOSS, "return F.softplus(-D(generated)[1]).sum()")]),
    ("g_loss", "the mean logit itself", [(G_LOSS, "return -D(generated)[1].mean()")]),
    ("g_loss", "G needs them undetached", [(G_LOSS, "return F.softplus(-D(generated.detach())[1]).mean()")]),
    ("g_loss", "does not depend on D's belief", [(G_LOSS, "return F.softplus(-D(generated)[0].logsumexp(1)).mean()")]),
    ("g_loss", "take the mean", [(G_LOSS, "return F.softplus(-D(generated)[1])")]),
    # part 6
    ("step", "hand D generated.detach()", [("generated.detach())", "generated)")]),
    ("step", "pulls it the wrong way", [
        ("generated.detach()).backward()", "generated).backward(retain_graph=True)"),
        ("    adam_g.zero_grad()\n", ""),
        ("generated = noisy", "adam_g.zero_grad()\n    generated = noisy")
    ]),
    ("step", "learns to believe in generated images", [
        ("adam_d.step()\n", "pass\n"),
        ("    adam_g.step()", "    adam_d.step()\n    adam_g.step()")
    ]),
    ("step", "leaves gradients on D as well", [
        ("    adam_d.zero_grad()\n", ""),
        ("adam_g.zero_grad()\n", "adam_d.zero_grad()\n    adam_g.zero_grad()\n")
    ]),
    ("step", "follows the gradients of the step before: call adam_d", [
        ("    adam_d.zero_grad()\n", ""),
        (G_STEP, "D.requires_grad_(False)\n    " + G_STEP + "\n    D.requires_grad_(True)")
    ]),
    ("step", "follows the gradients of the step before: call adam_g", [("    adam_g.zero_grad()\n", "")]),
    ("step", "less real to D: minimise g_loss", [(G_STEP, "(-g_loss(D, generated)).backward()")]),
    ("step", "G does not change", [("    adam_g.step()", "    pass")]),
    ("step", "G does not change", [
        ("adam_g.zero_grad()\n    g_loss(D, generated).backward()",
         "g_loss(D, generated).backward()\n    adam_g.zero_grad()")
    ]),
    ("step", "2 steps of D and 1 of G", [("adam_d.step()\n", "adam_d.step()\n    adam_d.step()\n")]),
    ("step", "1 steps of D and 2 of G", [("    adam_g.step()", "    adam_g.step()\n    adam_g.step()")]),
    ("step", "D does not change", [("    adam_d.step()\n", "")]),
    ("step", "D does not change", [(STEP, "\n    ".join(STEP.split("\n    ")[::-1]))]),
    ("step", "neither D nor G changes", [("    adam_d.step()\n", ""), ("    adam_g.step()", "    pass")]),
    ("step", "unfreeze them", [(G_STEP, "D.requires_grad_(False)\n    " + G_STEP)]),
    ("step", "evaluation mode", [("adam_d.zero_grad()\n", "D.eval()\n    adam_d.zero_grad()\n")]),
    ("step", "believes less in unlabelled", [(D_SUM, f"-({D_SUM})")]),
    ("step", "unlabelled images teach D nothing", [
        ("noisy(unlabelled), generated.detach()", "noisy(images), generated.detach()")
    ]),
    ("step", "the same latents", [("torch.randn(len(unlabelled), 100)", "torch.ones(len(unlabelled), 100)")]),
    ("step", "compute g_loss after adam_d.step()", [
        ("    adam_d.step()\n", "    wrong = g_loss(D, generated)\n    adam_d.step()\n"),
        (G_STEP, "wrong.backward()")
    ]),
    # part 7
    ("accuracy", "D is in training mode", [("    D.eval()\n", "")]),
    ("accuracy", "bytes from 0 to 255", [(FLOATS, "D(part.float())[0].argmax(1)")]),
    ("accuracy", "pixels from 0 to 1", [(FLOATS, "D(part / 255)[0].argmax(1)")]),
    ("accuracy", "a percentage", [(SHARE, f"100 * {SHARE}")]),
    ("accuracy", "a count", [(SHARE, "(names == labels).sum().item()")]),
    ("accuracy", "how often D is wrong", [(SHARE, "(names != labels).float().mean().item()")]),
    ("accuracy", "only the first hundred", [(SHARE, "(names == labels)[:100].float().mean().item()")]),
    ("accuracy", "the last batch is smaller", [
        (SHARE, "torch.stack([part.float().mean() for part in (names == labels).split(100)]).mean()")
    ]),
    ("accuracy", "compare the argmax", [(FLOATS, "D(to_floats(part))[0].argmin(1)")]),
    ("accuracy", "a number is wanted", [(SHARE, "(names == labels).tolist()")]),
    ("accuracy", "changes `images`", [("    D.eval()\n", "    D.eval()\n    images[0] = 0\n")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "word", "replacements"), WRONG)
def test_a_mistake_gets_its_own_sentence(name, word, replacements, capsys):
    passed, said = said_by(CHECKS[name], changed(*replacements)[name], capsys)
    assert not passed
    assert word in said


POOLED = "0.5 * F.softplus(torch.cat([-D(unlabelled)[1], D(generated)[1]])).mean() * 2"
RIGHT = [
    ("choose_labelled", [
        (DRAW, "return [int(place) for place in torch.cat([places"),
        (FIRST + " for places in of_each])", FIRST + " for places in of_each])]")
    ]),
    ("choose_labelled", [
        ("return torch.cat", "return np.asarray(torch.cat"),
        ("of_each])", "of_each]), dtype=np.int32)")
    ]),
    ("Generator", [("nn.BatchNorm2d(after), nn.ReLU()", "nn.LeakyReLU(0.1)")]),
    ("Discriminator", [
        ("nn.Linear(64 * 4 * 4, 10)", "nn.Linear(64 * 4 * 4, 11)"),
        (D_OUT, "return logits[:, :10], logits[:, 10]")
    ]),
    ("Discriminator", [
        ("nn.Linear(64 * 4 * 4, 10)", "nn.Linear(64 * 4 * 4, 11)"),
        (D_OUT, "return logits[:, :10], logits[:, :10].logsumexp(1) - logits[:, 10]")
    ]),
    ("Discriminator", [(D_OUT, "return logits, logits.logsumexp(1), images")]),
    ("Discriminator", [(D_OUT, "return logits.log_softmax(1), logits.logsumexp(1)")]),
    ("d_loss", [(D_SUM, "which_digit + real.mean() + 2 * not_real.mean()")]),
    ("d_loss", [(REAL, "F.binary_cross_entropy_with_logits(D(unlabelled)[1], torch.full((len(unlabelled),), 0.9))")]),
    ("d_loss", [(REAL, "F.binary_cross_entropy(D(unlabelled)[1].sigmoid(), torch.ones(len(unlabelled)))")]),
    ("d_loss", [(D_SUM, f"{D_SUM} + 0.5 * F.softplus(-D(images)[1]).mean()")]),  # labelled images are real, too
    ("d_loss", [("0.5 * real.mean() + 0.5 * not_real.mean()", POOLED)]),  # one batch of as many of either
    ("d_loss", [(WHICH, "F.nll_loss(D(images)[0].log_softmax(1), labels)")]),
    ("g_loss", [(G_LOSS, "return F.binary_cross_entropy_with_logits(D(generated)[1], torch.ones(len(generated)))")]),
    ("g_loss", [(G_LOSS, "return -F.softplus(D(generated)[1]).mean()")]),  # saturating: Odena's own
    ("step", [("generated.detach()).backward()", "generated).backward(retain_graph=True)")]),  # wasteful, but cleared
    ("step", [("noisy(G(torch.randn(len(unlabelled), 100)))", "G(torch.randn(len(unlabelled), 100))")]),
    ("step", [(G_STEP, "g_loss(D, G(torch.randn(len(unlabelled), 100))).backward()")]),
    ("step", [(G_STEP, "D.requires_grad_(False)\n    " + G_STEP + "\n    D.requires_grad_(True)")]),
    ("step", [("    adam_d.zero_grad()\n", ""), ("    adam_g.step()", "    adam_g.step()\n    adam_d.zero_grad()")]),
    ("step", [(G_LOSS, "return -F.softplus(D(generated)[1]).mean()")]),
    ("accuracy", [(SHARE, "(names == labels).double().mean()")]),
    ("accuracy", [(SHARE, "np.float32((names == labels).float().mean())")]),
    ("accuracy", [(SHARE, "sum(int(name == label) for name, label in zip(names, labels)) / len(labels)")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "replacements"), RIGHT)
def test_an_unusual_right_answer_passes(name, replacements, capsys):
    passed, said = said_by(CHECKS[name], changed(*replacements)[name], capsys)
    assert passed, said


# Part 8, without its minute of training: D is the recorded one, and follows the names that it is taught.


class Renaming(nn.Module):
    """The recorded D, whose digits get other names; in training mode it may be worse or better by some share."""

    def __init__(self, renamed, wrong=0.0, better_in_training=False):
        super().__init__()
        _, self.knows, _ = load_record("sgan").models()
        self.renamed, self.wrong, self.better_in_training = renamed, wrong, better_in_training

    def train(self, mode=True):
        self.training = mode
        return self

    def forward(self, images):
        wrong = 0.0 if self.training and self.better_in_training else self.wrong
        logits = self.knows(images).class_logits[:, self.renamed.argsort()]
        count = int(wrong * len(logits))
        logits[:count] = logits[:count].roll(1, 1)
        return logits, logits.logsumexp(1)


def names_of(images, labels):
    _, knows, _ = load_record("sgan").models()
    seen = knows(images / 127.5 - 1).class_logits.argmax(1)
    return torch.stack([labels[seen == digit].mode().values for digit in range(CLASSES)])


@pytest.mark.parametrize(
    ("train", "word"),
    [
        (lambda images, labels, unlabelled: Renaming(names_of(images, labels)), "You have written an SGAN"),
        (lambda images, labels, unlabelled: Renaming(torch.arange(CLASSES)), "labels leak"),
        (lambda images, labels, unlabelled: Renaming(names_of(images, labels), 0.2), "of the test images, 90% are"),
        (lambda images, labels, unlabelled: Renaming(names_of(images, labels), 0.2, True), "BatchNorm's memory"),
        (lambda images, labels, unlabelled: Renaming(names_of(images, labels), 1.0), "D guesses"),
        (lambda images, labels, unlabelled: 0.93, "train should return D, yours returns a float"),
        (lambda images, labels, unlabelled: None, "returns nothing"),
        (lambda images, labels, unlabelled: 1 / 0, "ZeroDivisionError"),
        (lambda images, labels: None, "TypeError"),
    ],
)
def test_the_last_check_reads_the_result(train, word, capsys):
    passed, said = said_by(capstone.check_training, train, capsys)
    assert passed == said.startswith("✓") == ("SGAN" in word)
    assert word in said


def test_the_last_check_hands_over_a_hundred_labels_and_no_test_image(capsys):
    handed = []

    def train(images, labels, unlabelled):
        handed.append((images, labels, unlabelled))
        return Renaming(names_of(images, labels))

    assert capstone.check_training(train)
    images, labels, unlabelled = handed[0]
    assert images.shape == (100, 1, 28, 28)
    assert labels.bincount().tolist() == [10] * CLASSES
    assert unlabelled.shape == (60_000, 1, 28, 28)
