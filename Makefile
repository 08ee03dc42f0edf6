# One file that says what can be made. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3

# A virtual environment stands when its stamp is younger than the pins it was made from. One of them has the command
# `untag` too, from this folder.
define environment
$(1)/.stamp: $(2)
	@tools/set-up $(1) $(2) $(3) $(4)
endef

# A function runs under the deployed interpreter where this machine has it, else under the one at hand.
RUNTIME_PYTHON := $(shell tools/find-python 3.13 $(PYTHON))

$(eval $(call environment,.venv,requirements/dev.txt,$(PYTHON),.))
$(eval $(call environment,.venv-runtime,requirements/runtime.txt,$(RUNTIME_PYTHON)))
$(eval $(call environment,.venv-contract,requirements/contract.txt,$(PYTHON)))
$(eval $(call environment,.venv-sam,requirements/sam.txt,$(PYTHON)))
$(eval $(call environment,.venv-checkov,requirements/checkov.txt,$(PYTHON)))
$(eval $(call environment,.venv-bench,requirements/bench.txt,$(PYTHON)))
$(eval $(call environment,.venv-bench-own,requirements/runtime.txt,$(PYTHON)))
$(eval $(call environment,.venv-bench-runtime,requirements/bench.txt,$(RUNTIME_PYTHON)))

##@ For users

.PHONY: help
help: ## list what can be made
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {print (shown++ ? "\n" : "") substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.stamp .venv-runtime/.stamp ## run the main job on this machine and show what happened
	@.venv/bin/python -m local.demo

.PHONY: local
local: .venv/.stamp .venv-runtime/.stamp ## everything on this machine, live; Ctrl-C stops it
	@.venv/bin/untag local up --live

# sam asks for a region even where it calls nothing. Its environment comes first on PATH, so that the layers' makefiles
# find a python3 with pip. samconfig.toml says how to build: in parallel, and leaving alone what has not changed.
SAM = PATH="$(CURDIR)/.venv-sam/bin:$$PATH" AWS_DEFAULT_REGION="$${AWS_DEFAULT_REGION:-eu-west-1}" SAM_CLI_TELEMETRY=0 \
  BYTECODE_PYTHON="$(shell tools/find-python 3.13)" \
  .venv-sam/bin/sam

.PHONY: build
build: .venv-sam/.stamp ## sam build, sam validate, a bill of materials, and a check of what was built
	$(SAM) validate --lint
	$(SAM) validate --lint --template-file observability.yaml
	$(SAM) build
	.venv-sam/bin/python tools/check_build.py .aws-sam/build
	.venv-sam/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-file .aws-sam/sbom.cdx.json layers/dependencies/requirements.txt
	.venv-sam/bin/python tools/check_sbom.py .aws-sam/sbom.cdx.json layers/dependencies/requirements.txt .aws-sam/build

.PHONY: build-functiongraph
build-functiongraph: .venv/.stamp ## the zip for Huawei Cloud FunctionGraph, checked: deploy/functiongraph/build/untag.zip
	.venv/bin/python tools/functiongraph_zip.py deploy/functiongraph/build/untag.zip

.PHONY: clean
clean: ## remove what was built and every virtual environment
	rm -rf .venv .venv-* .aws-sam .local deploy/functiongraph/build .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

##@ For maintainers

.PHONY: test
test: .venv/.stamp .venv-runtime/.stamp ## lint, types, template checks and the tests
	@$(MAKE) --no-print-directory -j3 lint campaign rest

# It waits for most of its time. The tests beside it give way, since its deadlines are real.
.PHONY: campaign
campaign: .venv/.stamp .venv-runtime/.stamp
	.venv/bin/python -m pytest tests/faults

.PHONY: rest
rest: .venv/.stamp .venv-runtime/.stamp
	nice -n 5 .venv/bin/python -m pytest --ignore=tests/contract --ignore=tests/faults -n 2 --dist loadfile --cov --cov-report=term

.PHONY: fix
fix: .venv/.stamp ## put right what ruff can: format, and lint
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: lint
lint: .venv/.stamp ## ruff, mypy, import floors, cfn-lint
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	PYTHONPATH=layers/untag/python .venv/bin/lint-imports --no-logo
	.venv/bin/cfn-lint template.yaml observability.yaml

.PHONY: unit
unit: .venv/.stamp .venv-runtime/.stamp ## the tests of the shared package alone
	.venv/bin/python -m pytest tests/unit -n 2 --dist loadfile

.PHONY: contract
contract: .venv-contract/.stamp ## our signatures and local providers against the vendors' own clients, and the Terraform
	.venv-contract/bin/python -m pytest tests/contract

.PHONY: faults
faults: .venv/.stamp .venv-runtime/.stamp ## the fault campaign at full length, planted bugs and fuzz; writes docs/reliability.md (SEED=7: one seed)
	PYTHONPATH=.:layers/untag/python .venv/bin/python -W ignore tools/faults.py $(if $(SEED),--seed $(SEED))

.PHONY: audit
audit: .venv-checkov/.stamp ## checkov on both templates, offline; what it is told to skip stands in .checkov.yaml with the reasons
	.venv-checkov/bin/checkov --config-file .checkov.yaml

.PHONY: pages
pages: .venv/.stamp ## write what docs/ shows of the code: schemas, asyncapi.yaml, permissions.md, clouds.md, configuration.md (RELEASE=1: schemas as released)
	PYTHONPATH=.:layers/untag/python .venv/bin/python -m tools.schemas $(if $(RELEASE),--release)
	.venv/bin/python -W ignore tools/permissions.py
	.venv/bin/python tools/clouds.py
	.venv/bin/python -W ignore tools/configuration.py

.PHONY: bench
bench: .venv/.stamp .venv-runtime/.stamp .venv-bench/.stamp .venv-bench-own/.stamp .venv-bench-runtime/.stamp ## measure against the vendors' SDKs and write docs/performance.md (QUICK=1: fewer times)
	.venv/bin/python -W ignore -m bench

.PHONY: sweep-run
sweep-run: .venv/.stamp .venv-runtime/.stamp ## a sweep over 100,000 resources at the local clouds, against their truth
	.venv/bin/python -W ignore -m tools.sweep_run

.PHONY: dashboard
dashboard: .venv/.stamp .venv-runtime/.stamp ## run the local stack for a while and draw the dashboard over it: docs/img/dashboard.svg
	@.venv/bin/python -W ignore -m tools.dashboard_picture

.PHONY: pictures
pictures: .venv/.stamp .venv-runtime/.stamp ## carry a small job out and take pictures of it: docs/img/plan.svg, status.svg and live.svg
	@.venv/bin/python -W ignore -m tools.screenshots
