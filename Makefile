# Two commands to begin with: `make demo` and `make test`. Both make .venv first, so Python 3.11+ is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Tests run in so many processes, each with one thread for products; the tests of a file share one for its fixtures.
JOBS ?= auto

COMMA := ,
# The CUDA extra that fits the driver, or nothing where no driver answers.
CUDA := $(shell nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p')
EXTRA := $(if $(filter 12,$(CUDA)),$(COMMA)cuda12,$(if $(filter 13,$(CUDA)),$(COMMA)cuda13,))

# Steps of their own beside the tests: CUDA text, compiled and run on the processor, and captured steps; kills, faults, damage and hostile files; README's
# examples; the wheel in an empty environment.
KERNELS := tests/backend/test_kernels.py tests/backend/test_convolution_kernels.py tests/training/test_capturable.py \
	tests/rbm/test_capturable_machines.py tests/training/test_tail_kernels.py tests/training/test_recorded_steps.py \
	tests/rbm/test_recorded_machines.py tests/rbm/test_recorded_walks.py tests/models/test_recorded_updown.py \
	tests/backend/test_sanitizers.py tests/backend/test_forks.py tests/training/test_together.py \
	tests/backend/test_warp.py
SOAK := tests/checkpoint/test_crash.py tests/checkpoint/test_hostile.py tests/checkpoint/test_durability.py \
	tests/checkpoint/test_foreign.py
MANUAL := tests/test_readme.py tests/test_manual.py
PACKAGING := tests/test_packaging.py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

.PHONY: demo test test-gpu lint kernels soak manual pictures docs packaging bench bench-gpu growth clean

demo: $(VENV)/.demo
	$(BIN)/gpunet compare --labels 100 'model.hidden=[64,64]' training.epochs=25
	@echo "Try also: $(BIN)/gpunet train digits    or    $(BIN)/gpunet --help"

test: $(VENV)/.test
	$(PYTEST) $(addprefix --ignore=,$(KERNELS) $(SOAK) $(MANUAL) $(PACKAGING)) $(ARGS)

# What uses a device, on a GPU, in parts of less than eight minutes; ARGS=--one runs the next part alone.
test-gpu: $(VENV)/.test
	@$(BIN)/python tests/gpu.py $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

kernels: $(VENV)/.test $(VENV)/.kernels
	$(PYTEST) -rs $(KERNELS) $(ARGS)

soak: $(VENV)/.test
	$(PYTEST) $(SOAK) $(ARGS)

manual: $(VENV)/.test
	$(PYTEST) $(MANUAL) $(ARGS)

# Put the pictures that the examples draw into docs/pictures.
pictures: $(VENV)/.test
	$(PYTEST) tests/test_manual.py --draw $(ARGS)

# The manual as pages of HTML; what is generated from the code is made anew each time.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build -E -q -W --keep-going -b html -c docs . build/manual
	@echo "Manual: build/manual/docs/index.html"

packaging: $(VENV)/.test
	$(PYTEST) $(PACKAGING) $(ARGS)

bench: $(VENV)/.peers
	for name in step rbm ais optimizer data; do $(BIN)/python benchmarks/bench_$$name.py --seconds 4 --save || exit 1; done
	$(BIN)/python benchmarks/bench_startup.py --rounds 10 --save
	$(BIN)/python benchmarks/bench_sampling.py --save
	$(BIN)/python benchmarks/bench_sampling.py --threads 1 --only gibbs --save
	for threads in 1 2; do $(BIN)/python benchmarks/population.py --threads $$threads --rounds 20 --save || exit 1; done
	$(BIN)/python benchmarks/bench_conv.py --rounds 10 --save
	$(BIN)/python benchmarks/bench_estimators.py --rounds 5 --save
	$(BIN)/python benchmarks/checkpoint_speed.py --save
	$(BIN)/python benchmarks/render.py

# Time and memory as one size grows by tens.
growth: $(VENV)/.peers
	$(BIN)/python benchmarks/growth.py --save

# Those of speed that a GPU can run, beside PyTorch on it.
bench-gpu: $(VENV)/.peers
	@$(BIN)/python benchmarks/place.py --device cuda
	for name in step rbm ais optimizer data cold; do $(BIN)/python benchmarks/bench_$$name.py --device cuda --save || exit 1; done
	$(BIN)/python benchmarks/population.py --threads 1 --device cuda --save
	$(BIN)/python benchmarks/render.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("gpunet needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

# The install is editable, so it is repeated only when what it needs changes.
$(VENV)/.demo: $(BIN)/python pyproject.toml setup.py
	$(PIP) -e '.[plot$(EXTRA)]'
	@touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.kernels $(VENV)/.docs $(VENV)/.peers: $(VENV)/.%: $(VENV)/.demo
	$(PIP) -e '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
