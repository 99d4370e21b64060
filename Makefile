# The front door: `make demo`, `make test`, `make bench`. Everything is built in build/ (programs in build/bin, libraries in
# build/lib); each target first installs what it needs and builds what it uses.
BUILD := build
CMAKE := $(BUILD)/venv/bin/cmake
PYTHON := $(BUILD)/venv/bin/python
FUZZ_SECONDS ?= 600

.PHONY: help deps build demo test bench asan tsan fuzz docs format clean

help:
	@echo 'make demo    compile and run a sentence-embedding model, next to ONNX Runtime'
	@echo 'make test    every test; ends with "N passed, N failed"'
	@echo 'make bench   latency next to ONNX Runtime and OpenVINO; writes docs/benchmarks.md'
	@echo 'make build   the programs, in build/bin'
	@echo 'make deps    what the build needs: Debian packages (as root), Python environment, onnx'
	@echo 'make asan    runtime tests under AddressSanitizer and UBSan'
	@echo 'make tsan    runtime tests under ThreadSanitizer'
	@echo 'make fuzz    every fuzz target for FUZZ_SECONDS (600) seconds'
	@echo 'make docs    regenerate the generated pages of docs/'
	@echo 'make format  clang-format on the tracked sources'
	@echo 'make clean   remove what was built, but not what was installed'

deps:
	@scripts/deps.sh

$(BUILD)/build.ninja: | deps
	@$(CMAKE) -G Ninja -S . -B $(BUILD) > $(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; exit 1; }

build: deps $(BUILD)/build.ninja
	@ninja -C $(BUILD)

demo: build
	@$(PYTHON) scripts/demo.py

test: build
	@ninja -C $(BUILD) aicc-tests
	@$(PYTHON) scripts/run_tests.py

bench: build
	@$(PYTHON) test/bench/bench.py

asan tsan: deps
	@$(PYTHON) scripts/run_tests.py --suite $@

fuzz: build
	@ninja -C $(BUILD) aicc-tests
	@$(PYTHON) scripts/run_tests.py --suite fuzz --fuzz-seconds $(FUZZ_SECONDS)

docs: build
	@ninja -C $(BUILD) aicc-docs
	@$(PYTHON) scripts/check_docs.py --update

format: deps
	@$(PYTHON) scripts/check_format.py --fix

clean:
	@[ ! -f $(BUILD)/build.ninja ] || ninja -C $(BUILD) -t clean > /dev/null
	@rm -rf $(BUILD)-*
