# Each target sets up what it needs in a virtual environment of its own; only Python >= 3.11, make and gcc are assumed,
# and node for the JavaScript example.
PYTHON ?= python3
PIP = -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# As many tests at a time as there are processors, one thread each; those of one file share what they train. Folders in
# their order: the notebook and other long files of few tests come early, and do not keep one processor busy at the end.
PYTEST = OMP_NUM_THREADS=1 $(1)/bin/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile \
	--no-loadscope-reorder --durations 20
# Threads that spin while they wait stall one another on a busy machine.
export OMP_WAIT_POLICY ?= PASSIVE
# Run by `test-hub`, and therefore not by `test-base`: what depends most on the version of the Hub's client.
HUB_TESTS = tests/zoo/hub $(addprefix tests/zoo/transfer/test_,pull.py publish.py cached_spaces.py)
# Run by `test` alone: what does not depend on what else is installed. That is how files and arrays are read and written,
# what signals and closed streams do to a command, and the rest of what goes through the Hub. What is left imports every
# module of the runtime and of the zoo, and runs every command, without torch, numba and isal.
FILE_TESTS = $(addprefix tests/runtime/,arrays features formats io query results projection/test_file_projection.py) \
	$(addprefix tests/zoo/,cli/test_interruption.py cli/test_outputs.py transfer)
# Nothing where there is no npm: the test then says so. The file is the last that npm writes.
NODE_PACKAGES = $(and $(shell command -v npm 2>/dev/null),docs/javascript/node_modules/.package-lock.json)
WEB_PACKAGES = $(and $(shell command -v npm 2>/dev/null),zoo/web/node_modules/.package-lock.json)

FUZZ = OMP_NUM_THREADS=1 .venv/bin/python -W ignore benchmarks/fuzz
SEED ?= 0
DATA ?= ../shared/data

.PHONY: demo test lint test-base test-hub test-runtime-oldest test-wheel test-gpu-wheel test-javascript test-web test-browser zoo release fuzz clean

demo: .venv/demo.stamp  ## project the packaged query into the pbmc space: demo.h5ad, demo.html and demo.png
	.venv/bin/smile-zoo demo

test: .venv/dev.stamp $(NODE_PACKAGES)  ## all tests
	$(call PYTEST,.venv)

lint: .venv/dev.stamp  ## style, types, import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test-base: .venv-base/base.stamp  ## what must work without torch
	$(call PYTEST,.venv-base) tests/runtime tests/zoo $(addprefix --ignore ,$(HUB_TESTS) $(FILE_TESTS))

test-hub: .venv-base/base.stamp  ## the Hub's client in the oldest version that is allowed
	.venv-base/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target .hub-oldest --requirement tests/zoo/hub/oldest.txt
	PYTHONPATH=.hub-oldest $(call PYTEST,.venv-base) $(HUB_TESTS)

test-runtime-oldest: .venv-base/base.stamp  ## all packaged spaces with the oldest ONNX Runtime that is allowed
	.venv-base/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target .runtime-oldest --requirement tests/golden/oldest.txt
	PYTHONPATH=.runtime-oldest HF_HUB_CACHE=.runtime-oldest/no-cache .venv-base/bin/smile-zoo verify --all
	PYTHONPATH=.runtime-oldest $(call PYTEST,.venv-base) tests/golden

test-wheel: pyproject.toml  ## the built wheel, in an environment that has nothing else
	rm -rf dist .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	.venv-wheel/bin/python $(PIP) "$$(ls dist/*.whl)[cpu]"
	.venv-wheel/bin/python tests/wheel/check_base.py
	.venv-wheel/bin/python $(PIP) "$$(ls dist/*.whl)[cpu,plot]"
	.venv-wheel/bin/python tests/wheel/check_demo.py

test-gpu-wheel: test-wheel  ## in the same environment: the GPU build without CUDA, then both builds at once
	.venv-wheel/bin/python -m pip uninstall --quiet --yes onnxruntime
	.venv-wheel/bin/python $(PIP) --no-deps onnxruntime-gpu
	.venv-wheel/bin/python tests/gpu_wheel/check_gpu_wheel.py
	.venv-wheel/bin/python $(PIP) --no-deps onnxruntime
	.venv-wheel/bin/python tests/gpu_wheel/check_both_wheels.py

test-javascript: .venv-base/base.stamp $(NODE_PACKAGES)  ## the JavaScript example, where there is node
	.venv-base/bin/python -m pytest tests/javascript

test-web: $(WEB_PACKAGES)  ## the sources of the web page, and that they give the page that is committed, where there is npm
	$(if $(WEB_PACKAGES),npm run check --prefix zoo/web,@echo "npm is not installed; install Node.js 20 or newer"; test "$$CI" != true)

test-browser: .venv/dev.stamp  ## the HTML report and the web page in Chromium, where there is one
	.venv/bin/python -m pytest tests/browser

zoo: .venv/dev.stamp  ## the spaces of all recipes from their data, DATA=FOLDER: hours, resumable, skips what is up to date
	OMP_NUM_THREADS=1 .venv/bin/python -W ignore training/build_zoo.py $(DATA)

release: .venv/dev.stamp  ## all packaged spaces to the Hub, ORG=NAME, and the catalogue to git; resumable, skips what is there
	HF_HUB_DISABLE_XET=1 OMP_NUM_THREADS=1 .venv/bin/python zoo/release_zoo.py $(ORG)

fuzz: .venv/dev.stamp  ## damaged queries, stores and spaces, and a hostile Hub; minutes, and not part of CI
	$(FUZZ)/queries.py -n 1100 --seed $(SEED)
	$(FUZZ)/stores.py -n 500 --seed $(SEED)
	$(FUZZ)/spaces.py -n 300 --seed $(SEED)
	$(FUZZ)/endpoints.py -n 100 --seed $(SEED)

.venv/demo.stamp: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --editable '.[cpu,plot]'
	touch $@

# No byte code from here on: Python writes it by itself for what is imported, a small part of what is installed.
.venv/dev.stamp: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --no-compile --editable '.[dev]'
	touch $@

.venv-base/base.stamp: pyproject.toml constraints.txt
	test -d .venv-base || $(PYTHON) -m venv .venv-base
	.venv-base/bin/python $(PIP) --no-compile --editable '.[cpu,plot,test]'
	touch $@

zoo/web/node_modules/.package-lock.json: zoo/web/package.json zoo/web/package-lock.json
	npm ci --prefix zoo/web --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

# Without its scripts: that of onnxruntime-node downloads CUDA, from elsewhere than the registry.
docs/javascript/node_modules/.package-lock.json: docs/javascript/package.json docs/javascript/package-lock.json
	npm ci --prefix docs/javascript --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

clean:
	rm -rf .venv .venv-base .venv-wheel .hub-oldest .runtime-oldest docs/javascript/node_modules zoo/web/node_modules zoo/web/dist dist demo.h5ad demo.html demo.png
