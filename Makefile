# The commands of this project; `make help` lists them. One environment, .venv, renewed when a lock file changes.
.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-slow bench bench-quick bench-peak lint migrate translations lock system system-bench

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadgroup
CATALOGUES := idp/web/translations
NODE_MODULES := tests/clients/node_modules

help: ## this list
	@echo "make …"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/.stamp-run ## the whole story on this machine: provider, worker, two services; Ctrl-C ends it
	@exec $(BIN)/python -m demo.run

test: system .venv/.stamp-dev $(NODE_MODULES)/.stamp ## every test but the slow ones, browser journeys included, on SQLite and PostgreSQL
	@$(PYTEST) -m "not slow" $(or $(ARGS),--every-spec)

test-fast: .venv/.stamp-dev ## the tests that need neither browser nor PostgreSQL; under two minutes
	@$(PYTEST) -m "not slow and not journey and not postgres" $(ARGS)

test-slow: system .venv/.stamp-dev $(NODE_MODULES)/.stamp ## the slow tests alone
	@$(PYTEST) -m slow $(ARGS)

bench: system-bench .venv/.stamp-dev ## this provider beside its peers, on this machine: some 40 minutes
	@exec $(BIN)/python -m bench.run $(ARGS)

bench-quick: system-bench .venv/.stamp-dev ## the same for this provider and one peer, once
	@exec $(BIN)/python -m bench.run --quick $(ARGS)

bench-peak: system-bench .venv/.stamp-dev ## a peak morning for this provider alone: a quarter of an hour
	@exec $(BIN)/python -m bench.peak $(ARGS)

lint: .venv/.stamp-dev ## ruff (rules and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy idp demo tools wsgi.py

migrate: .venv/.stamp-run ## bring the database of IDP_DATABASE_URL to the newest schema
	@$(BIN)/flask --app wsgi db upgrade

translations: .venv/.stamp-run ## collect the texts of all pages, update and compile the catalogues
	@$(BIN)/pybabel --quiet extract --mapping-file=$(CATALOGUES)/babel.cfg --add-location=file --sort-by-file \
		--project=idp --output-file=$(CATALOGUES)/messages.pot idp/web
	@$(BIN)/pybabel --quiet update --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
		--input-file=$(CATALOGUES)/messages.pot --output-dir=$(CATALOGUES)
	@$(BIN)/pybabel compile --directory=$(CATALOGUES) --statistics

lock: ## write requirements*.txt anew from requirements*.in (needs uv)
	@command -v uv >/dev/null || { echo "To write the lock files, install uv (https://docs.astral.sh/uv/)." >&2; exit 1; }
	@for set in requirements requirements-dev; do \
		uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header $$set.in -o $$set.txt || exit 1; \
	done

# Debian's parts that the tests need, by name. Root installs what is missing; anyone else is told. Apache's module brings
# the bare server with it, not the package that would start one.
system:
	@missing=""; \
	( $(find_python) ) 2>/dev/null || missing="$$missing python3-venv"; \
	test -n "$$TEST_DATABASE_URL" || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	test -n "$$(find /usr/share/fonts /usr/local/share/fonts -name 'NotoSans-Regular.*' 2>/dev/null)" \
		|| missing="$$missing fonts-noto-core"; \
	ls /usr/lib/apache2/modules/mod_auth_openidc.so >/dev/null 2>&1 || missing="$$missing libapache2-mod-auth-openidc"; \
	command -v softhsm2-util >/dev/null || missing="$$missing softhsm2"; \
	$(install_missing)

# The same for the benchmark: the database of this provider and the store of a peer.
system-bench:
	@missing=""; \
	( $(find_python) ) 2>/dev/null || missing="$$missing python3-venv"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	$(install_missing)

install_missing = \
	test -n "$$missing" || exit 0; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "These Debian packages are missing:$$missing. Install them and try again." >&2; exit 1; \
	fi; \
	echo "Installing$$missing …"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

# Debian's own interpreter first: it is built with profile-guided optimisation, which a hand-built one seldom is.
find_python = \
	found=""; fault="Python 3.11 or newer is needed: apt-get install python3 python3-venv."; \
	for candidate in /usr/bin/python3.11 python3.11 python3; do \
		$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		fault="$$candidate has no venv module: apt-get install python3-venv."; \
		if $$candidate -c 'import ensurepip, venv' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	test -n "$$found" || { echo "$$fault" >&2; false; }

.venv/.stamp-venv:
	@{ $(find_python); } || exit 1; \
	echo "Making the environment .venv with $$found …"; \
	$$found -m venv .venv && touch $@

.venv/.stamp-run: requirements.txt .venv/.stamp-venv
	@echo "Installing the packages of requirements.txt (a minute, the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# The test set holds the runtime set, so both are up to date afterwards.
.venv/.stamp-dev: requirements-dev.txt requirements.txt .venv/.stamp-venv
	@echo "Installing the packages of requirements-dev.txt (two minutes, the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch .venv/.stamp-run $@

# The clients of the integration pages that run in Node.js, which is itself of the test set.
$(NODE_MODULES)/.stamp: tests/clients/package.json tests/clients/package-lock.json .venv/.stamp-dev
	@echo "Installing the packages of tests/clients/package-lock.json …"
	@$(BIN)/npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund --silent
	@touch $@
