"""Every number from the study that README, lessons 6 and 7 and the post print, worked out again from its rows.

Only with `csv` and `math`: nothing of the project's own statistics is used here, so a mistake there shows.
"""

import csv
import itertools
import json
import math
import random
import re
from statistics import NormalDist, median

import nbformat
import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.results import RESULTS, load_record
from sgan_utils.support.methods import NAMES
from sgan_utils.support.studies import STUDIES
from sgan_workshop.publish.notebooks import NOTEBOOKS, ROOT
from sgan_workshop.publish.post import TEMPLATE, Facts, fill

# Student's t for a two-sided 95% interval, by degrees of freedom, as in any textbook's table.
STUDENT = [
    math.nan, 12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157,
    2.228139, 2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024,
]  # fmt: skip
METHODS = {name: method for method, name in NAMES.items()}
NAME = "|".join(re.escape(name) for name in sorted(METHODS, key=len, reverse=True))
NUMBER = r"[+-]?\d+\.\d+"


def lines_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_of(row, method):
    """Whether a row's configuration is that of the method as it is today, whatever its labels and seed."""
    defaults = SGANConfig().model_dump(mode="json")
    for name, value in SGANConfig.preset(method).model_dump(mode="json").items():
        text = row.get(name, str(defaults[name]))
        same = text == str(value) if isinstance(value, bool | str) else json.loads(text) == value
        if not same and name not in ("labels", "seed", "held_out"):
            return False
    return True


@pytest.fixture(scope="module")
def runs():
    """(method, labels) -> seed -> the row."""
    found = {}
    for row in lines_of(RESULTS / "study" / "rows.csv"):
        if row["method"] in NAMES and is_of(row, row["method"]):
            found.setdefault((row["method"], int(row["labels"])), {})[int(row["seed"])] = row
    return found


def numbers(cell, column="test_accuracy"):
    return [float(row[column]) for row in cell.values() if row[column]]


def mean(values):
    return math.fsum(values) / len(values) if values else math.nan


def std(values):
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)) if values else math.nan


def failed(cell):
    errors = [1 - accuracy for accuracy in numbers(cell)]
    return sum(error > 1.5 * median(errors) for error in errors) + len(cell) - len(errors)


def differences(runs, better, worse, labels, column="test_accuracy"):
    ours, theirs = runs[better, labels], runs[worse, labels]
    both = [seed for seed in sorted(ours.keys() & theirs.keys()) if ours[seed][column] and theirs[seed][column]]
    return [round(float(ours[seed][column]) - float(theirs[seed][column]), 9) for seed in both]


def student(values):
    half = STUDENT[len(values) - 1] * std(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def rank_test(values):
    """Wilcoxon's p: the share of all signs with which the ranks' sum is at least as far from 0."""
    sizes = sorted(abs(value) for value in values if value)
    if not sizes:
        return 1.0
    ranks = [mean([place for place, size in enumerate(sizes, 1) if size == abs(value)]) for value in values if value]
    signs = [math.copysign(1, value) for value in values if value]
    seen = abs(sum(sign * rank for sign, rank in zip(signs, ranks, strict=True)))
    sums = [
        sum(sign * rank for sign, rank in zip(flips, ranks, strict=True))
        for flips in itertools.product((-1, 1), repeat=len(ranks))
    ]
    return min(1.0, sum(abs(total) >= seen - 1e-9 for total in sums) / len(sums))


def holm(p_values):
    corrected, largest = {}, 0.0
    for place, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[number]))
        corrected[number] = largest
    return [corrected[number] for number in range(len(p_values))]


def bootstrap(values, draws=4000):
    """A bias-corrected and accelerated interval (Efron 1987), from random draws of its own."""
    chance, normal, count = random.Random(7), NormalDist(), len(values)
    means = sorted(mean(chance.choices(values, k=count)) for _ in range(draws))
    middle = mean(values)
    below = sum(value < middle - 1e-12 for value in means) + 0.5 * sum(abs(value - middle) <= 1e-12 for value in means)
    bias = normal.inv_cdf(below / draws)
    without = [mean(values[:number] + values[number + 1 :]) for number in range(count)]
    pulls = [mean(without) - value for value in without]
    squares = math.fsum(pull**2 for pull in pulls)
    skew = math.fsum(pull**3 for pull in pulls) / (6 * squares**1.5) if squares else 0.0
    ends = []
    for share in (0.025, 0.975):
        z = bias + normal.inv_cdf(share)
        ends.append(means[min(int(normal.cdf(bias + z / (1 - skew * z)) * draws), draws - 1)])
    return ends


# What lessons print, line by line


def agrees(printed, value):
    """Whether a printed number is the value, rounded as it is printed (halves may go either way)."""
    digits = len(printed.partition(".")[2])
    return float(printed) == pytest.approx(value, abs=0.5 * 10**-digits + 1e-6)


class Lines:
    """Reads what a lesson printed: every line with a number of the study has a form that is checked here."""

    def __init__(self, runs):
        self.runs, self.name, self.pair, self.family, self.checked = runs, "", None, [], 0

    def read(self, line):
        """Check a line; False if it has none of the known forms."""
        forms = (self.heading, self.gain, self.cell, self.best, self.group, self.recipe, self.published, self.total,
                 self.seconds, self.exercise)  # fmt: skip
        if not any(form(line) for form in forms):
            self.close()
            return False
        self.checked += 1
        return True

    def close(self):
        """Check the corrected p-values of the gains that were read one after another."""
        if self.family:
            printed, p_values = zip(*self.family, strict=True)
            for text, value in zip(printed, holm(list(p_values)), strict=True):
                assert agrees(text, value), (self.pair, text, value)
        self.family = []

    def heading(self, line):
        found = re.fullmatch(rf"({NAME}) minus ({NAME})", line.strip())
        if found:
            self.close()
            self.pair = METHODS[found[1]], METHODS[found[2]]
        return found

    def gain(self, line):
        interval = rf"({NUMBER}) to ({NUMBER})"
        form = rf"([\d,]+) labels\s+({NUMBER})\s+{interval}\s+{interval}\s+({NUMBER})\s+(\d+)"
        found = re.fullmatch(form, line.strip())
        if found:
            labels, points, low, high, boot_low, boot_high, p, pairs = found.groups()
            values = differences(self.runs, *self.pair, int(labels.replace(",", "")))
            assert int(pairs) == len(values)
            assert agrees(points, 100 * mean(values)), line
            ends = [100 * end for end in student(values)]
            assert agrees(low, ends[0]), line
            assert agrees(high, ends[1]), line
            room = 0.12 * (ends[1] - ends[0]) + 0.06  # draws differ, and so do the ends a little
            for text, end in zip((boot_low, boot_high), bootstrap(values), strict=True):
                assert float(text) == pytest.approx(100 * end, abs=room), line
            self.family.append((p, rank_test(values)))
        return found

    def check_cell(self, cell, accuracy, spread, middle, worst, failures, count):
        accuracies = [100 * value for value in numbers(cell)]
        assert agrees(accuracy, mean(accuracies))
        assert agrees(spread, std(accuracies))
        assert agrees(middle, median(accuracies))
        assert agrees(worst, min(accuracies))
        assert (int(failures), int(count)) == (failed(cell), len(cell))

    def cell(self, line):
        form = (
            rf"(?P<name>{NAME})?\s*(?P<labels>\d+)?\s+({NUMBER}) ± ({NUMBER})\s+({NUMBER})\s+({NUMBER})\s+"
            rf"(\d+) of (\d+)\s+((?P<fid>{NUMBER}) ± (?P<fid_std>{NUMBER})\s+|nan\s+)?(?P<core>\d+)"
        )
        found = re.fullmatch(form, line.strip())
        if found:
            self.name = found["name"] or self.name  # written once for several rows
            cell = self.runs[METHODS[self.name], int(found["labels"] or 100)]
            self.check_cell(cell, *found.groups()[2:8])
            assert agrees(found["core"], mean(numbers(cell, "core_seconds")))
            if found["fid"]:
                assert agrees(found["fid"], mean(numbers(cell, "fid")))
                assert agrees(found["fid_std"], std(numbers(cell, "fid")))
        return found

    def best(self, line):
        form = rf"([\d,]+) labels: ({NUMBER}) ± ({NUMBER})%, median ({NUMBER}), worst ({NUMBER}), failed (\d+) of (\d+)"
        found = re.fullmatch(form, line.strip())
        if found:
            self.check_cell(self.runs["best", int(found[1].replace(",", ""))], *found.groups()[1:])
        return found

    def group(self, line):
        form = rf"({NAME})\s+worst ({NUMBER}), mean ({NUMBER}), median ({NUMBER}), best ({NUMBER})"
        found = re.fullmatch(form, line.strip())
        if found:
            values = [100 * value for value in numbers(self.runs[METHODS[found[1]], 25])]
            expected = min(values), mean(values), median(values), max(values)
            assert all(agrees(text, value) for text, value in zip(found.groups()[1:], expected, strict=True)), line
        return found

    def recipe(self, line):
        """Accuracy of a recipe with all unlabelled images, and with the labelled ones only."""
        methods = {"SGAN": ("sgan", "sgan, labelled-only"), "Odena's recipe": ("odena, all-unlabelled", "odena")}
        found = re.fullmatch(rf"({'|'.join(methods)})\s+({NUMBER})\s+({NUMBER})", line.strip())
        if found:
            for text, method in zip(found.groups()[1:], methods[found[1]], strict=True):
                assert agrees(text, 100 * mean(numbers(self.runs[method, 100]))), line
        return found

    def published(self, line):
        found = re.fullmatch(rf"(.+) \((\d+)\): ({NUMBER}) ± ({NUMBER}|nan)%, read in: (.+)", line.strip())
        if found:
            rows = [row for row in lines_of(RESULTS / "published.csv") if row["method"] == found[1]]
            assert any(
                agrees(found[3], 100 - float(row["error"])) and (row["year"], row["read"]) == (found[2], found[5])
                for row in rows
            ), line
        return found

    def total(self, line):
        found = re.match(rf"(\d+) runs, ({NUMBER}) hours of one core", line)
        if found:
            cells = [self.runs.get((cell.method, cell.labels), {}) for cell in STUDIES["table1"]]
            assert int(found[1]) == sum(map(len, cells))
            assert agrees(found[2], sum(sum(numbers(cell, "core_seconds")) for cell in cells) / 3600)
        return found

    def seconds(self, line):
        found = re.fullmatch(r"seconds of one core for a run: (\d+)", line.strip())
        if found:
            assert agrees(found[1], mean(numbers(self.runs["best", 100], "core_seconds")))
        return found

    def exercise(self, line):
        found = re.match(rf"sgan minus cnn at 25 labels: ({NUMBER}) to ({NUMBER}) percentage points", line)
        if found:
            ends = student(differences(self.runs, "sgan", "cnn", 25))
            assert all(agrees(text, 100 * end) for text, end in zip(found.groups(), ends, strict=True)), line
        return found


@pytest.mark.parametrize(("lesson", "at_least"), [("06_label_efficiency", 40), ("07_beyond_the_paper", 25)])
def test_every_number_of_the_study_that_a_lesson_prints_is_found_again(runs, lesson, at_least):
    lines = Lines(runs)
    for cell in nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4).cells:
        about_the_study = re.search(r"\b(results|rows|cells|table|tricks|gains|groups|few)\b", cell.source)
        if cell.cell_type != "code" or not about_the_study or "nbval-ignore-output" in cell.metadata.get("tags", []):
            continue
        printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for line in printed.splitlines():
            if not lines.read(line) and not line.startswith("✓"):  # an exercise's answer has its own numbers
                assert not re.search(r"\d\.\d", line), f"{lesson} prints a number that nobody checks: {line}"
        lines.close()
    assert lines.checked >= at_least


# The post


class LookedUp(Facts):
    """The facts of the post, without a look at its figures."""

    def figure(self, name, caption):
        return caption


class WorkedOut(LookedUp):
    """The same, but what comes from the study's rows is worked out here."""

    def __init__(self, runs):
        super().__init__()
        self.runs = runs

    def method(self, name, labels, study="table1"):
        cell, found = self.runs[name, labels], {"seeds": 0, "runs": 0}
        accuracies = numbers(cell)
        found = {
            "seeds": len(accuracies),
            "runs": len(cell),
            "failures": failed(cell),
            "labels": labels,
            "method": name,
        }
        found |= {"mean_accuracy": mean(accuracies), "std_accuracy": std(accuracies)}
        found |= {"median_accuracy": median(accuracies), "worst_accuracy": min(accuracies)}
        found |= {"best_accuracy": max(accuracies), "mean_fid": mean(numbers(cell, "fid"))}
        found |= {"std_fid": std(numbers(cell, "fid")), "mean_kid": mean(numbers(cell, "kid"))}
        return found | {f"mean_{what}_seconds": mean(numbers(cell, f"{what}_seconds")) for what in ("core", "train")}

    def gain(self, better, worse, labels, study="table1", of="test_accuracy"):
        values = differences(self.runs, better, worse, labels, of)
        low, high = student(values)
        return {"gain": mean(values), "low": low, "high": high, "p": rank_test(values), "pairs": len(values)}

    def _table(self, study):
        return dict.fromkeys(self.runs)  # which cells there are; their numbers come from `method`

    def _rows(self, study):
        raise AssertionError(f"the post takes a number from the study {study!r} that is not worked out here")


def test_the_post_is_the_same_word_for_word_if_its_numbers_are_worked_out_from_the_rows_alone(runs):
    template = TEMPLATE.read_text(encoding="utf-8")
    looked_up, worked_out = fill(template, LookedUp()), fill(template, WorkedOut(runs))
    for ours, theirs in zip(looked_up.splitlines(), worked_out.splitlines(), strict=True):
        assert ours == theirs


def test_a_percentage_in_the_readme_with_a_decimal_is_recorded(runs):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    race = load_record("benchmark").about["time_to_98"]
    known = [load_record("sgan").about["test_accuracy"], *race["accuracies"], race["recipe_reached"]]
    for cell in runs.values():
        accuracies = numbers(cell)
        known += [mean(accuracies), median(accuracies), min(accuracies), max(accuracies)]
    for printed in re.findall(rf"({NUMBER})%", text):
        assert any(agrees(printed, 100 * value) for value in known), f"README.md says {printed}%"
