"""A finished folder is never taken for a half-built one, and what comes during a build is never lost."""

import os
from pathlib import Path

import pytest

from sgan_utils.support.errors import SGANError
from sgan_workshop.commands.outputs import check_output_files
from sgan_workshop.publish import output
from sgan_workshop.publish.output import MARKER, check_output_folder, replace_folder


def page(folder):
    (folder / "index.html").write_text("page")


@pytest.mark.parametrize("name", [".site-archive", ".site-v2-abc-old", ".site.sgan-half-mine"])
def test_a_finished_folder_with_a_name_like_a_half_built_one_stays(tmp_path, name):
    replace_folder(tmp_path / name, page, "post")
    os.utime(tmp_path / name, (1, 1))
    replace_folder(tmp_path / "site", page, "site")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "site"]


def test_what_another_target_left_is_not_put_in_this_ones_place(tmp_path):
    replace_folder(tmp_path / "site-v2", page, "post")
    left = (tmp_path / "site-v2").rename(tmp_path / ".site-v2.sgan-half-abcd1234-old")
    replace_folder(tmp_path / "site", page, "site")
    assert left.is_dir()


def test_what_comes_during_a_build_is_kept(tmp_path):
    def build(folder):
        page(folder)
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "notes.txt").write_text("mine")

    for first in (lambda: None, lambda: replace_folder(tmp_path / "other", page, "site")):
        first()
        with pytest.raises(SGANError, match="has not made"):
            replace_folder(tmp_path / "site", build, "site")
        assert (tmp_path / "site" / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "site"]


def test_a_folder_of_the_project_that_is_no_source_is_made_and_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "ROOT", tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("site", "site", "empty", "build/site"):
        replace_folder(tmp_path / name, page, "site")
    for name in ("Docs", "data/x", ".git", ".venv/x", "results"):
        with pytest.raises(SGANError, match="sources"):
            check_output_folder(tmp_path / name, "site")


def test_a_swap_that_fails_brings_the_old_folder_back(tmp_path, monkeypatch):
    replace_folder(tmp_path / "site", lambda folder: (folder / "old").touch(), "site")
    rename = Path.rename

    def full(source, target):
        if target == tmp_path / "site" and not source.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(SGANError, match=r"cannot be written \(No space left on device\)"):
        replace_folder(tmp_path / "site", page, "site")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert (tmp_path / "site" / "old").exists()


def test_a_build_that_makes_nothing_can_be_made_again(tmp_path):
    for _ in range(2):
        replace_folder(tmp_path / "site", lambda folder: None, "site")
    assert [path.name for path in (tmp_path / "site").iterdir()] == [MARKER]


def test_names_that_no_folder_or_file_can_have_are_one_sentence(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    for name in ("loop", "loop/x", "x" * 300, "a\0b", "file/x"):
        with pytest.raises(SGANError, match="choose an empty or a new folder"):
            check_output_folder(tmp_path / name, "site")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    for name in ("loop", "loop/x", "x" * 300, "a\0b", "file/x", "broken/x"):
        with pytest.raises(SGANError, match="name another place"):
            check_output_files(save=tmp_path / name)
