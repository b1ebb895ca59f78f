# Every command of the project; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
ROLE ?= operator
TESTS ?= tests
WORKERS ?= 3
RUN_DIR ?= .run
FOLDER ?= test-results/screens
PORT_ENTRA ?= 8443
SECANTUS := 0.5.3-beta.196
PRODUCT := shared services cli
PYTEST := $(PY) -m pytest --dist loadscope --no-loadscope-reorder --durations 10
CHECKED := $(PRODUCT) dev tests bench
PACKAGES := shared $(sort $(wildcard services/*-svc)) cli dev
GATES := check-style check-types check-layers check-imports check-dead-code check-dependencies

unexport PYTHONDONTWRITEBYTECODE  # else every process that tests start compiles everything anew

.DEFAULT_GOAL := help
.PHONY: help env run test test-quick check $(GATES) format demo screens token bench settings kubernetes alerts mongo lane-brokers lane-replicas lane-upgrade lane-grown lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 22
	@echo
	@echo "  Ports of make run, each moved by its variable (make run PORT_PORTAL=9000):"
	@echo "    PORT_PORTAL 8000       PORT_INVITE 8001       PORT_AUTH 8002     PORT_NOTIFY 8003"
	@echo "    PORT_MAILBOX 8025      PORT_SMTP 1025         PORT_KAFKA 9092    PORT_MONGO 27017"
	@echo "    PORT_ENTRA 8443        PORT_ENTRA_PAGES 8444"
	@echo "  LOCAL_MONGO chooses the MongoDB server of make run, tests and benchmarks: embedded, or secantusd-rs (the default where"
	@echo "  it is on the PATH or built by make mongo)."
	@echo "  RUN_DIR (.run) is where the data of make run live; PYTHON (python3) makes the environment."
	@echo "  Tests take the servers named in TEST_KAFKA_BOOTSTRAP, TEST_MONGO_URL, TEST_MAILPIT_URL (which they empty) and"
	@echo "  TEST_SMTP_URL, else containers (TEST_KAFKA_IMAGE, TEST_MONGO_IMAGE, TEST_MAILPIT_IMAGE), else their own;"
	@echo "  TEST_CONTAINERS=0 leaves containers out. One part only: make test TESTS=tests/dev; one after the other: WORKERS=0"

env:
	@$(PYTHON) dev/environment.py

run: env ## start the whole system on this machine; Ctrl-C stops it
	@exec $(PY) -m tokenswitch_dev.runner

test: env ## all tests, the last ones in a real browser
	@$(PY) dev/browser.py
	@$(PYTEST) -n $(WORKERS) $(TESTS)

test-quick: env ## rules, contracts, pages: what needs no server and starts no process, under a minute
	@$(PYTEST) -n auto -m "not servers" $(TESTS)

lane-brokers: env ## three Kafka brokers, each killed in turn, under load and under the integration tests (not part of make test)
	@TEST_CONTAINERS=0 $(PY) -m pytest tests/lanes/test_lane_brokers.py tests/lanes/test_lane_integration.py

lane-replicas: env ## every service three times, one of each killed under load (not part of make test)
	@TEST_CONTAINERS=0 $(PY) -m pytest tests/lanes/test_lane_replicas.py

lane-upgrade: env ## a rolling upgrade from the release before and back, under load (not part of make test)
	@TEST_CONTAINERS=0 $(PY) -m pytest tests/lanes/test_lane_upgrade.py

lane-grown: env ## an upgrade of 100,000 customers, with and without their indexes (not part of make test)
	@TEST_CONTAINERS=0 $(PY) -m pytest -s tests/lanes/test_lane_grown.py

check: $(GATES) ## style, types, layers, pure rules, dead code, dependencies; one alone: make check-types

check-style: env
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet .

check-types: env
	@$(PY) -m mypy $(CHECKED)

check-layers: env
	@$(BIN)/lint-imports --no-logo

check-imports: env
	@$(PY) -m pytest -q tests/test_imports.py

check-dead-code: env
	@$(PY) -m vulture $(PRODUCT)
	@$(PY) -m vulture $(CHECKED)

check-dependencies: env
	@for package in $(PACKAGES); do \
	  $(PY) -m deptry $$package $$(test $$package != dev || echo tests bench) --config $$package/pyproject.toml || exit 1; \
	done

format: env ## let ruff format and sort
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

demo: env ## walk the sixteen steps against the running system, a screenshot of each
	@$(PY) -m tokenswitch_dev.runner.demo

screens: env ## picture every screen and state into FOLDER, with a sheet; CHOSEN=1: those of the README
	@$(PY) dev/browser.py
	@$(PY) -m tests.screens $(if $(CHOSEN),docs/screens --chosen,$(FOLDER)) $(if $(ONLY),--only $(ONLY)) $(if $(LANGUAGES),--language $(LANGUAGES))

token: env ## print a bearer token of the running system: make token ROLE=operator
	@$(PY) -m tokenswitch_dev.runner.token $(ROLE) --authority https://localhost:$(PORT_ENTRA) --ca-file $(RUN_DIR)/entra/ca.pem

bench: env ## throughput and latency against a plain consumer
	@$(PY) -m bench

settings: env ## write docs/settings.md anew from the settings classes
	@$(PY) -m tokenswitch_dev.reference

alerts: ## check the alert rules and run their tests with Prometheus' own promtool (built by Go, minutes the first time)
	@command -v promtool >/dev/null || test -x .tools/promtool || command -v go >/dev/null \
	  || { echo "make alerts needs promtool, or Go to build it: install one of them."; exit 1; }
	@command -v promtool >/dev/null || test -x .tools/promtool \
	  || GOBIN=$(CURDIR)/.tools go install github.com/prometheus/prometheus/cmd/promtool@v0.316.0
	@PATH=$$PATH:$(CURDIR)/.tools promtool check rules deploy/prometheus/tokenswitch.rules.yml
	@PATH=$$PATH:$(CURDIR)/.tools promtool test rules deploy/prometheus/tokenswitch.rules.test.yml

kubernetes: ## build the Kubernetes manifests and check them against its schemas (needs kubectl)
	@$(PYTHON) -m venv .venv-kubernetes && .venv-kubernetes/bin/pip install -q kubernetes-validate==1.37.0
	@mkdir -p test-results && kubectl kustomize deploy/kubernetes/overlays/example >test-results/kubernetes.yaml
	@.venv-kubernetes/bin/kubernetes-validate --strict --quiet test-results/kubernetes.yaml && echo "The manifests are valid."

mongo: ## build the MongoDB server secantusd-rs into .tools, many times as fast as the embedded one (about 15 minutes)
	@missing=; for tool in cargo cmake c++; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	  test -z "$$missing" || { echo "make mongo builds with cargo (Rust), cmake and a C++ compiler; not here:$$missing. Install them first."; exit 1; }
	@cargo install secantus-mdb --version $(SECANTUS) --locked --ignore-rust-version --root .tools

lock: env ## renew requirements/*.txt
	$(PY) dev/lock.py

clean: ## remove the environment, the data of make run and all caches
	rm -rf .venv .venv-kubernetes .tools .run .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
