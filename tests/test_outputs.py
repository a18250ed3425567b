"""Outputs: folders and files of somebody else's are never touched, and what cannot be written is said at once."""

import os
import time
from pathlib import Path

import pytest

from sgan_utils.support.errors import SGANError
from sgan_workshop.commands.outputs import check_output_files
from sgan_workshop.publish import output
from sgan_workshop.publish.output import MARKER, replace_folder


def page(text):
    def build(folder):
        (folder / "index.html").write_text(text)
        (folder / "pictures").mkdir()
        return text

    return build


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_made_and_made_again(tmp_path):
    for text in ("old", "new"):
        assert replace_folder(tmp_path / "a" / "site", page(text), "site") == text
        assert (tmp_path / "a" / "site" / "index.html").read_text() == text
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["site"]


@pytest.mark.parametrize("kind", [None, "post"])
def test_what_another_has_made_is_refused_and_stays(tmp_path, kind):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    if kind:
        (folder / MARKER).write_text('{"kind": "post", "holds": ["thesis.tex"]}')
    before = contents(folder)
    with pytest.raises(SGANError, match="has not made: choose an empty or a new folder"):
        replace_folder(folder, page("x"), "site")
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_foreign_file_in_a_folder_of_ours_is_named_and_stays(tmp_path):
    replace_folder(tmp_path / "site", page("old"), "site")
    (tmp_path / "site" / "notes.txt").write_text("mine")
    with pytest.raises(SGANError, match=r"holds 'notes\.txt', which `sgan site` has not made"):
        replace_folder(tmp_path / "site", page("new"), "site")
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    assert (tmp_path / "site" / "notes.txt").read_text() == "mine"


def test_the_project_its_sources_and_what_holds_them_are_refused(tmp_path, monkeypatch):
    project, elsewhere = tmp_path / "work" / "project", tmp_path / "elsewhere"
    for name in ("docs/cluster", "blog", ".git"):
        (project / name).mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.setattr(output, "ROOT", project)
    monkeypatch.chdir(elsewhere)
    before = sorted(tmp_path.rglob("*"))
    for target in (project, project / "docs", project / "docs" / "cluster", project / "docs" / "new", project / "blog",
                   project / ".git", tmp_path / "work", tmp_path, elsewhere, Path("/"), Path.home(),
                   project / "docs" / ".." / "docs"):  # fmt: skip
        with pytest.raises(SGANError, match="choose an empty or a new folder"):
            replace_folder(target, page("x"), "site")
    assert sorted(tmp_path.rglob("*")) == before
    replace_folder(project / "build" / "site", page("x"), "site")


def test_a_link_and_a_file_are_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("text")
    for name in ("link", "file"):
        with pytest.raises(SGANError, match=f"{name} is a"):
            replace_folder(tmp_path / name, page("x"), "site")
    with pytest.raises(SGANError, match="cannot be written"):
        replace_folder(tmp_path / "file" / "below", page("x"), "site")


def test_a_build_that_fails_leaves_the_old_folder_and_no_litter(tmp_path):
    replace_folder(tmp_path / "site", page("old"), "site")

    def fails(folder):
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_folder(tmp_path / "site", fails, "site")
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_killed_builds_left_is_removed_after_a_day_and_the_old_folder_comes_back(tmp_path):
    replace_folder(tmp_path / "site", page("old"), "site")
    (tmp_path / "site").rename(tmp_path / ".site.sgan-half-abcd1234-old")  # killed between the two renames
    half = tmp_path / ".site.sgan-half-efgh5678"
    replace_folder(half, page("half"), "site")
    os.utime(half, (time.time() - 2 * output.A_DAY,) * 2)
    with pytest.raises(ZeroDivisionError):
        replace_folder(tmp_path / "site", lambda folder: 1 / 0, "site")
    assert (tmp_path / "site" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("command", ["site", "post"])
def test_the_commands_refuse_the_project_and_a_foreign_folder(sgan, command, tmp_path):
    (tmp_path / "foreign.txt").write_text("mine")
    for out in (output.ROOT, output.ROOT.parent, output.ROOT / "docs", output.ROOT / "blog", tmp_path):
        code, _, err = sgan(command, "--out", out)
        assert code == 1
        assert "choose an empty or a new folder with --out" in err
        assert err.count("\n") == 1
    assert contents(tmp_path) == {"foreign.txt": b"mine"}


# Files


def test_good_names_are_good(tmp_path):
    check_output_files(save=tmp_path / "new" / "a", history=tmp_path / "b", checkpoint=None)


def test_two_options_with_one_file_are_refused(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    (tmp_path / "soft").symlink_to(tmp_path / "a")
    for other in ("a", "hard", "soft", "../" + tmp_path.name + "/a"):
        with pytest.raises(SGANError, match="--save and --checkpoint name the same file"):
            check_output_files(save=tmp_path / "a", checkpoint=tmp_path / other)
    with pytest.raises(SGANError, match="name the same file"):
        check_output_files(save=tmp_path / "x", history=tmp_path / "y" / ".." / "x")


def test_a_folder_a_pipe_and_a_place_below_a_file_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for name, words in ((".", "is a folder"), ("pipe", "is a device or a pipe"), ("file/x/y", "file is a file or a")):
        with pytest.raises(SGANError, match=words):
            check_output_files(save=tmp_path / name)


@pytest.mark.parametrize("option", ["save", "history", "checkpoint", "predict"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"name,price\na,3\n", b"PK" + bytes(100)])
def test_something_of_the_users_own_is_not_overwritten(tmp_path, option, content):
    (tmp_path / "mine").write_bytes(content)
    with pytest.raises(SGANError, match=f"--{option} .*mine holds something that this option does not write"):
        check_output_files(**{option: tmp_path / "mine"})
    (tmp_path / "empty").touch()
    check_output_files(**{option: tmp_path / "empty"})


def test_what_an_option_has_written_may_be_written_again(sgan, tmp_path):
    tiny = ["--steps", "2", "--labels", "20", "--batch-size", "4", "--labelled-batch-size", "4", "--device", "cpu"]
    tiny += ["--channels-g", "2", "2", "2", "--channels-d", "2", "2", "2"]
    files = ["--save", tmp_path / "m", "--history", tmp_path / "h", "--checkpoint", tmp_path / "c"]
    for _ in range(2):
        assert sgan("train", *tiny, *files, "--predict", tmp_path / "p")[0] == 0


def test_train_says_so_before_the_first_step(sgan, tmp_path, monkeypatch):
    monkeypatch.setattr("sgan_utils.training.one_step", None)
    same = tmp_path / "run.safetensors"
    code, _, err = sgan("train", "--steps", "3", "--save", same, "--checkpoint", same)
    assert code == 1
    assert "--save and --checkpoint name the same file" in err
    code, _, err = sgan("train", "--steps", "3", "--history", tmp_path)
    assert code == 1
    assert "is a folder" in err
