"""Rows of a study on disk: what cannot be true in them is refused with its line, and what is true comes back."""

import csv

import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support import rows
from sgan_utils.support.errors import SGANError
from sgan_workshop.studies.grid import made_by

MADE = {"hardware": "abacus", "commit": 10 * "abcd", "date": "2026-01-31"}


def made(seed=0, **named):
    measured = {"test_accuracy": 0.75, "train_seconds": 2.5, "failed": ""} | MADE | named
    return rows.make_row(SGANConfig(seed=seed, labels=20), made_by() | {"computed_in": "float32"}, **measured)


@pytest.fixture
def out(tmp_path):
    """A file with the rows of two runs."""
    rows.write_file(tmp_path / "s.csv", [made(0), made(1, test_accuracy=0.5)])
    return tmp_path / "s.csv"


def edit(out, line, signed=False, **cells):
    """Change some cells of a line, counted as editors count them; the checksums are left out unless asked for."""
    with out.open(newline="") as file:
        table = list(csv.DictReader(file))
    table[line - 2] |= cells
    names = [name for name in table[0] if signed or name != rows.CHECKSUM]
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)


def test_rows_come_back_as_they_were_written(out):
    read = rows.read_rows(out)
    assert [config.seed for config in read.index] == [0, 1]
    assert read["test_accuracy"].tolist() == [0.75, 0.5]
    assert read.columns.tolist() == rows.COLUMNS


@pytest.mark.parametrize("name", ["test_accuracy", "train_seconds", "commit", "seed", "checksum"])
def test_a_changed_cell_does_not_match_its_checksum(out, name):
    edit(out, 3, signed=True, **{name: "0.25" if name != "seed" else "7"})
    with pytest.raises(SGANError, match=r"s\.csv holds .*\(line 3: its checksum does not match what it says\): rest"):
        rows.read_rows(out)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"test_accuracy": "7.5"}, "test_accuracy is 7.5, which is not between 0 and 1"),
        ({"test_accuracy": "nan"}, "test_accuracy is nan, which is not between 0 and 1"),
        ({"test_accuracy": "-0.1"}, "test_accuracy is -0.1"),
        ({"test_accuracy": "high"}, "could not convert string to float: 'high'"),
        ({"test_accuracy": ""}, "test_accuracy and held_out_accuracy do not fit the other columns"),
        ({"held_out_accuracy": "0.5"}, "do not fit the other columns"),
        ({"held_out": "100"}, "do not fit the other columns"),
        ({"failed": "it diverged."}, "do not fit the other columns"),
        ({"train_seconds": "-1"}, "train_seconds is -1"),
        ({"fid": "inf"}, "fid is inf"),
        ({"torch": "new"}, "torch is 'new'"),
        ({"torch": "1.0.0"}, "its torch is 1.0.0, and another in lines before it"),
        ({"device": "abacus"}, "device is 'abacus'"),
        ({"computed_in": "float8"}, "computed_in is 'float8'"),
        ({"threads": "2"}, "threads is '2'"),
        ({"sgan_utils": "99.0.0"}, "it was made with version 99.0.0, this is "),
        ({"sgan_utils": "next"}, "sgan_utils is 'next'"),
        ({"commit": "abc"}, "commit is 'abc'"),
        ({"date": "yesterday"}, "date is 'yesterday'"),
        ({"labels": "7"}, "labels must be between"),
        ({"labels": ""}, "labels must be a whole number"),
        ({"head": "three"}, "head must be one of"),
        ({"channels_d": "[1, 2"}, "Expecting"),
        ({"channels_d": "[" * 10_000}, "maximum recursion depth exceeded"),
        ({"seed": "0"}, "a line before it says something else of the same run"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_row_that_cannot_be_true_is_refused_with_file_line_and_cure(out, cells, why):
    edit(out, 3, **cells)
    with pytest.raises(SGANError) as caught:
        rows.read_rows(out)
    assert str(caught.value).startswith(f"{out} holds a row that no study has written (line 3: ")
    assert why in str(caught.value)
    assert str(caught.value).endswith("or delete the line to have that run trained again.")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("test_accuracy", 0, 1),
        ("fid", 0, 1e9),
        ("kid", -1e9, 1e9),
        ("kid_std", 0, 1e9),
        ("score", 0, 1e3),
        ("train_seconds", 0, 1e9),
        ("core_seconds", 0, 1e9),
        ("images_per_second", 0, 1e9),
    ],
)
def test_a_number_may_lie_at_its_limits_and_not_beyond(out, name, low, high):
    for limit in (low, high):
        edit(out, 3, **{name: repr(limit)})
        assert rows.read_rows(out)[name].iloc[1] == limit
    for beyond in (low - 0.25, high + 0.25):
        edit(out, 3, **{name: repr(beyond)})
        with pytest.raises(SGANError, match=f"{name} is {beyond}, which is not between"):
            rows.read_rows(out)


def test_a_held_out_accuracy_is_a_fraction_too(out):
    for measured, refused in ((0.0, False), (1.0, False), (1.25, True), (-0.25, True)):
        edit(out, 3, held_out="100", test_accuracy="", held_out_accuracy=repr(measured))
        if refused:
            with pytest.raises(SGANError, match=f"held_out_accuracy is {measured}, which is not between 0 and 1"):
                rows.read_rows(out)
        else:
            assert rows.read_rows(out)["held_out_accuracy"].iloc[1] == measured


def test_rows_of_both_number_formats_may_stand_in_one_table(out):
    edit(out, 3, computed_in="bfloat16")
    assert rows.read_rows(out)["computed_in"].tolist() == ["float32", "bfloat16"]


def test_half_a_row_is_refused_and_a_row_that_stands_there_twice_counts_once(out):
    whole = out.read_text()
    out.write_text(whole[:-40])
    with pytest.raises(SGANError, match="line 3: it has more or fewer cells than there are columns"):
        rows.read_rows(out)
    out.write_text(whole + whole.splitlines()[1] + "\n")
    assert len(rows.read_rows(out)) == 2


def test_a_column_that_is_missing_or_comes_twice_is_named(out):
    table = out.read_text()
    for old, new, named in (("device,", "machine,", "device, machine"), (",failed,", ",commit,", "commit, failed")):
        out.write_text(table.replace(old, new, 1))
        with pytest.raises(SGANError, match=rf"other columns than this study \({named}\)"):
            rows.read_rows(out)


def test_no_text_of_a_row_is_a_formula_for_a_spreadsheet_and_it_comes_back_as_it_was(tmp_path):
    names = ["=1+1", "+1", "-1", "@x", "\tx", "'quoted", "＝1", "  =1", "plain, with a comma"]
    written = [made(seed, hardware=name) for seed, name in enumerate(names)]
    rows.write_file(tmp_path / "s.csv", written)
    with (tmp_path / "s.csv").open(newline="") as file:
        cells = [line["hardware"] for line in csv.DictReader(file)]
    assert all(cell.startswith("'") for cell in cells[:-1])
    assert rows.read_rows(tmp_path / "s.csv")["hardware"].tolist() == names


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe")
    (tmp_path / "quote").write_text('a,"b\n')
    for name in ("folder", "binary", "quote"):
        with pytest.raises(SGANError, match=f"{name} cannot be read as a study's table"):
            rows.read_rows(tmp_path / name)
