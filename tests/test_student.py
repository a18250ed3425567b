"""The student: a larger classifier that learns at the end of a run, and takes D's place."""

import pytest
import torch

from sgan_utils.config import SGANConfig
from sgan_utils.data import Description, Sources, draw_labelled, split_sources
from sgan_utils.evaluation import believe
from sgan_utils.support.checkpoints import load_models, save_models
from sgan_utils.support.session import stop_after
from sgan_utils.support.student import Student, teach
from sgan_utils.training import train


@pytest.fixture(scope="module")
def config():
    return SGANConfig(
        labels=50,
        steps=6,
        batch_size=12,
        labelled_batch_size=12,
        channels_g=(4, 4, 4),
        channels_d=(4, 4, 4),
        augmentation=1.0,
        propagation=0.3,
        student_steps=8,
        precision="float32",
    )


@pytest.fixture(scope="module")
def sources(mnist, config):
    return split_sources(
        mnist._replace(train_images=mnist.train_images[:600], train_labels=mnist.train_labels[:600]), config
    )


@pytest.fixture(scope="module")
def run(config, sources):
    return train(config, sources, progress=False)


def test_a_finished_run_is_judged_by_its_student(run, sources):
    assert isinstance(run.classifier(), Student)
    assert run.classifier() is run.student
    belief = believe(run.classifier(), sources.unlabelled_images[:20])
    assert belief.class_logits.shape == (20, 10)
    assert belief.real_logit.shape == (20,)


def test_until_the_last_step_the_classifier_is_d(config, sources):
    seen = []
    train(config, sources, callbacks=[lambda run: seen.append(run.classifier())], progress=False)
    assert not any(isinstance(classifier, Student) for classifier in seen)
    stopped = train(config, sources, callbacks=[stop_after(3)], progress=False)
    assert stopped.student is None


def test_a_student_is_taught_in_silence_where_no_bar_is_wanted(config, sources, capfd):
    train(config, sources, progress=False)
    assert capfd.readouterr() == ("", "")
    train(config, sources, progress=True)
    assert f"{config.student_steps}/{config.student_steps}" in capfd.readouterr().err


def test_the_same_configuration_teaches_the_same_student(config, sources, run):
    again = train(config, sources, progress=False)
    for one, other in zip(run.student.state_dict().values(), again.student.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_run_that_is_resumed_teaches_the_same_student(config, sources, run, tmp_path):
    checkpoint = tmp_path / "run.safetensors"
    train(config, sources, callbacks=[stop_after(3)], checkpoint=checkpoint, progress=False)
    resumed = train(config, sources, checkpoint=checkpoint, progress=False)
    for one, other in zip(run.student.state_dict().values(), resumed.student.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_hidden_labels_do_not_reach_the_student(mnist, config, run):
    labels = mnist.train_labels[:600]
    labelled = draw_labelled(labels, config.labels, config.seed)
    garbage = torch.zeros_like(labels)
    garbage[labelled] = labels[labelled]
    some = mnist._replace(train_images=mnist.train_images[:600], train_labels=garbage)
    hidden = train(config, split_sources(some, config, labelled), progress=False)
    for one, other in zip(run.student.state_dict().values(), hidden.student.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_models_are_saved_and_read_with_the_student_in_d_s_place(run, config, sources, tmp_path):
    save_models(tmp_path / "models.safetensors", run.generator, run.classifier(), config)
    _, classifier, read = load_models(tmp_path / "models.safetensors")
    assert read == config
    images = sources.unlabelled_images[:50]
    saved, kept = (believe(model, images).class_logits for model in (classifier, run.classifier()))
    torch.testing.assert_close(saved, kept, atol=1e-4, rtol=1e-4)


def test_a_student_without_propagation_learns_from_d_alone(config, sources):
    run = train(config.but(propagation=0.0), sources, progress=False)
    assert isinstance(run.classifier(), Student)
    assert run.propagation is None


def test_a_student_fits_colour_images_of_another_size():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 32, 32), generator=generator, dtype=torch.uint8)
    about = Description("colours", 3, 32, 32, ("a", "b", "c"))
    sources = Sources(images[:6], torch.arange(6) % 3, images, images[:0], torch.empty(0, dtype=torch.int64), about)
    config = SGANConfig(data="colours", labels=6, steps=2, batch_size=4, labelled_batch_size=4, student_steps=2)
    run = train(config, sources, progress=False)
    assert believe(run.classifier(), images).class_logits.shape == (40, 3)


def test_teaching_lowers_the_loss_for_labels_and_for_probabilities(mnist):
    images, labels = mnist.train_images[:300], mnist.train_labels[:300]
    for targets in (labels, torch.nn.functional.one_hot(labels, 10).float()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            student = Student()
        teach(student, images, targets, steps=25, augmentation=0.0, seed=0)
        assert (believe(student.eval(), images).class_logits.argmax(1) == labels).float().mean() > 0.7
