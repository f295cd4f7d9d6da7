# Everything a person types: `make run` and `make test` are the two that matter.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore

JUDGES := $(VENV)/node/installed
LIGHTHOUSE := $(VENV)/lighthouse/installed
PROXIES := $(VENV)/proxies/installed

TEST_TOOLS := chromium fonts-liberation zbar-tools poppler-utils openssl
BENCH_TOOLS := wrk nghttp2-client
INTEROP_TOOLS := g++ cmake libkpimpkpass-dev

# $(1): Debian packages. Root installs them; everybody else is told the one line.
apt = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	else \
	  echo "This needs: $(1). Install it with:" >&2; echo "    sudo apt-get install -y $(1)" >&2; exit 1; \
	fi

.PHONY: run test bench check interop judges nightly translations tools interop-tools bench-tools offline-reader

# Compiled modules are kept, whatever the environment says: they are half of a second start.
run: $(VENV)/installed
	@unset PYTHONDONTWRITEBYTECODE; exec $(PY) -m app run --demo

# Two processes: a file's tests stay together, so that what they share is made once.
test: check tools judges $(PROXIES)
	$(PY) -m pytest -n 2 --dist loadfile

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# The peers beside whom we are measured come with it.
bench: $(VENV)/installed-bench judges $(LIGHTHOUSE) bench-tools tools
	LIGHTHOUSE=$(abspath $(VENV)/lighthouse/node_modules/.bin/lighthouse) TESSERA_NODE_MODULES=$(abspath $(VENV)/node/node_modules) $(PY) -m bench

# Second opinions alone, and one more than `test` asks: the reader of KDE, which takes a compiler.
interop: $(VENV)/installed-dev judges interop-tools
	$(PY) -m pytest -m "interop or kde" tests/interop

# Makers and readers of passes that are not ours, which `test` asks too; tests/interop/package.json pins them.
judges: $(JUDGES)

$(JUDGES): tests/interop/package.json | $(VENV)/bin/pip
	@command -v node >/dev/null && command -v npm >/dev/null || { $(call apt,nodejs npm); }
	@echo "Installing the packages of tests/interop/package.json (once) ..."
	@mkdir -p $(@D) && cp tests/interop/package.json $(@D)/
	@npm install --loglevel=error --no-fund --no-audit --no-package-lock --prefix $(@D)
	@touch $@

# Judges the shoppers' pages; bench/package.json pins it.
$(LIGHTHOUSE): bench/package.json | $(VENV)/bin/pip
	@command -v node >/dev/null && command -v npm >/dev/null || { $(call apt,nodejs npm); }
	@echo "Installing the packages of bench/package.json (once) ..."
	@mkdir -p $(@D) && cp bench/package.json $(@D)/
	@npm install --loglevel=error --no-fund --no-audit --no-package-lock --prefix $(@D)
	@touch $@

# For tills on a bad line: scan pages read codes in the browser then, whatever browser it is. static/package.json pins what comes.
offline-reader: | $(VENV)/bin/pip
	@command -v node >/dev/null && command -v npm >/dev/null || { $(call apt,nodejs npm); }
	@echo "Installing the package of static/package.json ..."
	@mkdir -p $(VENV)/reader static/reader/reader && cp static/package.json $(VENV)/reader/
	@npm install --loglevel=error --no-fund --no-audit --no-package-lock --ignore-scripts --omit=dev --prefix $(VENV)/reader
	@cp $(VENV)/reader/node_modules/zxing-wasm/dist/es/share.js $(VENV)/reader/node_modules/zxing-wasm/dist/reader/zxing_reader.wasm \
	    $(VENV)/reader/node_modules/zxing-wasm/LICENSE static/reader/
	@cp $(VENV)/reader/node_modules/zxing-wasm/dist/es/reader/index.js static/reader/reader/
	@echo "It is there once the server has started anew. Removing static/reader/ takes it away."

nightly: check tools judges $(PROXIES)
	TESSERA_NIGHTLY=1 TESSERA_KILL_CYCLES=500 $(PY) -m pytest

translations: $(VENV)/installed-dev
	$(PY) -m app.web.catalogues

# Unpacked, not installed: what a test starts for a moment must not become a service of this machine.
$(PROXIES): | $(VENV)/bin/pip
	@mkdir -p $(@D)
	@command -v nginx >/dev/null && command -v caddy >/dev/null || { \
	  command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "This needs: nginx caddy (in PATH)." >&2; exit 1; }; \
	  echo "Fetching nginx and caddy for the tests (once) ..."; \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq; fi; \
	  cd $(@D) && apt-get download -qq nginx caddy 2>/dev/null && for each in *.deb; do dpkg -x "$$each" . && rm "$$each"; done; }
	@touch $@

tools:
	@command -v chromium >/dev/null && command -v zbarimg >/dev/null && command -v pdftoppm >/dev/null && command -v openssl >/dev/null \
	  || { $(call apt,$(TEST_TOOLS)); }

interop-tools:
	@test -f /usr/include/KPim/KPkPass/pass.h && command -v cmake >/dev/null && command -v g++ >/dev/null || { $(call apt,$(INTEROP_TOOLS)); }

bench-tools:
	@command -v wrk >/dev/null && command -v h2load >/dev/null || { $(call apt,$(BENCH_TOOLS)); }

# `python3 -m venv` needs Debian's python3-venv; without it a half-made folder stays behind, hence pip as the mark.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tessera needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt,python3-venv); }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt | $(VENV)/bin/pip
	@echo "Installing the packages of requirements.txt (once) ..."
	@$(PY) -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt $(VENV)/installed
	@echo "Installing the packages of requirements-dev.txt (once) ..."
	@$(PY) -m pip install --quiet -r requirements-dev.txt
	@touch $@

$(VENV)/installed-bench: bench/requirements.txt $(VENV)/installed-dev
	@echo "Installing the packages of bench/requirements.txt (once) ..."
	@$(PY) -m pip install --quiet -r bench/requirements.txt
	@$(PY) -m pip install --quiet --no-deps django-walletpass==5.0.1
	@touch $@
