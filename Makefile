# Everything runs inside .venv. The first target that you call sets it up: with what a learner needs, or with all of it.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup setup-all lessons lab app test test-all test-faults test-browser test-endurance coverage figures retrain keep study post site benchmark lint links clean

help:            ## say what there is
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: .venv/learner  ## install what the lessons need

setup-all: .venv/all  ## install what tests, studies, post and site need as well

lessons: setup   ## run every lesson on the real MNIST, draw the figures, say where to look
	$(BIN)/sgan lessons
	$(BIN)/sgan figures

lab: setup       ## open the lessons in JupyterLab
	$(BIN)/sgan lab

app: setup       ## open the playground as a page without code
	$(BIN)/sgan app

# Side by side, every core with files of its own; a browser or a cluster would be too slow beside others.
test: setup-all  ## run the tests of every day, with all lessons but two that take longer
	$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder -m "not slow and not faults"

test-all: setup-all ## run all tests, those that start clusters, long runs or a browser among them
	$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder -m "not slow and not faults"
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest tests/faults

test-faults: setup-all ## bad inputs, kills, full disks and damaged files: what docs/reliability.md promises
	$(BIN)/python -m pytest tests/faults

test-browser: setup-all ## drive the playground in a real browser (Chromium)
	$(BIN)/python -m pytest tests/browser

test-endurance: setup-all ## long use: corners of the knobs, starts and stops, killed workers, tabs that come and go
	SGAN_ENDURANCE=1 $(BIN)/python -m pytest -m endurance

# Named, because nbval's kernels do not understand a bare --cov.
COVER := --cov=sgan_utils --cov=sgan_workshop --cov-append --cov-report=

coverage: setup-all ## run all tests and say which lines of both packages none of them reaches
	$(BIN)/coverage erase
	$(BIN)/python -m pytest $(COVER) -n logical --dist loadfile --no-loadscope-reorder \
		-m "not slow and not faults"
	$(BIN)/python -m pytest $(COVER) -m "slow or faults"
	$(BIN)/coverage report --show-missing --fail-under 95

figures: setup   ## draw every figure from the recorded results
	$(BIN)/sgan figures

retrain: setup-all ## train and measure anew all that the figures show, then draw them
	$(BIN)/sgan figures --retrain

keep: setup      ## run the lessons and store their outputs in the notebooks
	$(BIN)/sgan lessons --keep-outputs

study: setup-all ## train the runs that the recorded studies lack (hours; goes on where it was interrupted)
	for study in table1 tricks samples; do $(BIN)/sgan study --preset $$study --record || exit 1; done

post: setup-all  ## build the blog post, as one HTML file and as Markdown with images
	$(BIN)/sgan post

site: setup-all  ## build the site from the stored lessons
	$(BIN)/sgan site

benchmark: setup-all ## measure speed beside the common recipe (an hour or more; goes on where it was interrupted)
	$(BIN)/python -m benchmarks

lint: setup-all  ## check style, in the notebooks too, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Left out: addresses that are still to be filled in, and two files that only the site has.
links:           ## try the links of all pages (needs the network, and lychee from https://lychee.cli.rs)
	lychee --no-progress --max-retries 3 --timeout 30 \
		--exclude '/OWNER/' --exclude 'docs/post\.md$$' --exclude 'docs/study_rows\.csv$$' \
		README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md 'docs/**/*.md' 'data/**/*.md'

clean:           ## remove what the other targets made outside of git
	rm -rf build .venv .pytest_cache .ruff_cache *.egg-info

# Each stamp is written last, so an interrupted installation is taken up again; all of it has what a learner needs.
.venv/learner: pyproject.toml constraints.txt
	$(PYTHON) -m sgan_workshop.commands.supported
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lessons]'
	touch $@

.venv/all: pyproject.toml constraints.txt
	$(PYTHON) -m sgan_workshop.commands.supported
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lessons,scale,site,test]'
	touch .venv/learner $@
