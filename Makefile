# make demo         start the demo; PORT= sets its port, REDIS_URL= the Redis server it uses
# make quick        run the tests that start no worker, web server or browser: about a minute
# make test         run all tests, on real servers and in real browsers; ARGS= goes to pytest
# make browsers     run the element in Chromium, Firefox and WebKitGTK, with 1,000 bars and in frameworks
# make faults       run all rows of the fault matrix and print them as a table
# make hostile      send real servers everything a stranger may send, the slow tests included
# make fuzz         run 10,000 random requests in one process; SEED= repeats a run, CASES= sets how many
# make soak         run tasks and watchers with faults for half an hour, then look for leaks; MINUTES=, ARGS=
# make mutations    remove the access checks one by one and see that a test fails each time
# make conformance  check the protocol from outside, on four servers and in eight hosts; write its table
# make lifecycle    live 2,000 drawn lives of tasks, and judge the bar by Celery's own record; ARGS= as --seed 7
# make frontend     serve bars under all storages, policies and versions of Django, the slow tests included
# make check        lint, check the format, and check the types of Python and JavaScript
# make bench        measure the cost of reporting and watching, and the estimates, in eleven tables; ARGS= selects some by number
# make clean        remove everything that make has made

PYTHON ?= python3
VENV := .venv
LOG := $(VENV)/install.log

.PHONY: demo quick test browsers faults hostile fuzz soak mutations conformance lifecycle frontend \
  check bench clean

demo: $(VENV)/.demo
	@exec $(VENV)/bin/python -m project.demo

# More processes than cores, since many of these tests wait.
quick: $(VENV)/.dev
	@exec $(VENV)/bin/python -m pytest -n 4 --dist worksteal -m "not slow and not real" $(ARGS)

# Without a reordering of its own xdist hands out modules as they were collected, the longest first.
test: $(VENV)/.dev
	@$(find_browsers)
	@exec $(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --longest-first $(ARGS)

browsers: $(VENV)/.dev
	@$(find_browsers)
	@exec $(VENV)/bin/python -m pytest tests/engines tests/frameworks -n 2 --dist worksteal -m "slow or not slow" $(ARGS)

faults: $(VENV)/.dev
	@$(find_chromium)
	@exec $(VENV)/bin/python -m pytest tests/faults -n 6 --maxschedchunk 1 -m "slow or not slow" $(ARGS)

hostile: $(VENV)/.dev
	@$(find_chromium)
	@exec $(VENV)/bin/python -m pytest tests/hostile -m "slow or not slow" $(ARGS)

fuzz: $(VENV)/.dev
	@FUZZ_CASES=$(or $(CASES),10000) exec $(VENV)/bin/python -m pytest tests/hostile/test_fuzz.py \
	  $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(VENV)/.dev
	@exec $(VENV)/bin/python -m tests.soak --minutes $(or $(MINUTES),30) $(ARGS)

mutations: $(VENV)/.dev
	@exec $(VENV)/bin/python -m tests.mutations $(ARGS)

conformance: $(VENV)/.dev
	@exec $(VENV)/bin/python -m conformance.matrix $(ARGS)

lifecycle: $(VENV)/.dev $(VENV)/.celery-5.5 $(VENV)/.celery-5.6
	@exec $(VENV)/bin/python -m tests.lifecycle $(ARGS)

frontend: $(VENV)/.dev $(VENV)/.django-6.0
	@$(find_chromium)
	@exec $(VENV)/bin/python -m pytest tests/frontend -m "slow or not slow" $(ARGS)

check: $(VENV)/.dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m tests.frontend.typescript

bench: $(VENV)/.dev $(VENV)/.peers
	@$(find_chromium)
	@exec $(VENV)/bin/python -m benchmarks --json $(VENV)/bench.json $(ARGS)

# A stamp records what was installed. make installs again when the list of packages is newer.
$(VENV)/.demo: WHO = the demo
$(VENV)/.demo: WHAT = -e ".[demo]"
$(VENV)/.dev: WHO = the project and its tests
$(VENV)/.dev: WHAT = -r tests/requirements.txt -e ".[console,demo]"
$(VENV)/.dev: tests/requirements.txt
$(VENV)/.demo $(VENV)/.dev: pyproject.toml
	@$(make_venv)
	@$(install)

# The packages that the benchmarks compare with have an environment of their own.
$(VENV)/.peers: WHO = the packages that benchmarks compare with
$(VENV)/.peers: WHAT = -r benchmarks/peers/requirements.txt
$(VENV)/.peers: private INTO = $(VENV)/peers
$(VENV)/.peers: benchmarks/peers/requirements.txt | $(VENV)/.dev
	@$(VENV)/bin/python -m venv --clear $(INTO)
	@$(install)

# Workers of the lives with an older Celery.
$(VENV)/.celery-%: WHO = workers with Celery $*
$(VENV)/.celery-%: WHAT = -r tests/lifecycle/requirements.txt "celery==$*.*" -e .
$(VENV)/.celery-%: private INTO = $(VENV)/celery-$*
$(VENV)/.celery-%: tests/lifecycle/requirements.txt pyproject.toml | $(VENV)/.dev
	@$(VENV)/bin/python -m venv --clear $(INTO)
	@$(install)

# Sites with the next Django.
$(VENV)/.django-%: WHO = sites with Django $*
$(VENV)/.django-%: WHAT = -r tests/frontend/requirements.txt "django==$*.*" -e .
$(VENV)/.django-%: private INTO = $(VENV)/django-$*
$(VENV)/.django-%: tests/frontend/requirements.txt pyproject.toml | $(VENV)/.dev
	@$(make_newer_venv)
	@$(install)

INTO = $(VENV)
define install
echo "Installing $(WHO) into $(INTO) (once) ..."; \
$(INTO)/bin/python -m project.installing $(LOG) $(WHAT) && touch $@
endef

# Makes the environment, or says in one line what is missing. Debian has a package for venv.
define make_venv
python=$$(command -v "$(PYTHON)") || { \
  echo "There is no $(PYTHON): install Python 3.11 or later, or name one with PYTHON=" >&2; exit 1; }; \
"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "$(PYTHON) is $$("$$python" -V 2>&1): Python 3.11 or later is needed; name one with PYTHON=" >&2; exit 1; }; \
$(VENV)/bin/python -m pip --version >/dev/null 2>&1 && exit 0; \
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
    echo "Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }; \
  echo "Installing python3-venv ..."; \
  { apt-get update -q && apt-get install -qy python3-venv; } >/dev/null 2>&1 || { \
    echo "Installing python3-venv failed: try apt-get install python3-venv" >&2; exit 1; }; \
fi; \
echo "Making a virtual environment in $(VENV) ..."; \
"$$python" -m venv --clear $(VENV) || { echo "Making $(VENV) failed" >&2; exit 1; }
endef

# Django 6 needs Python 3.12 or later. pyenv keeps it outside of PATH.
define make_newer_venv
for python in python3.14 python3.13 python3.12 "$(HOME)"/.pyenv/versions/3.1[2-9]*/bin/python3; do \
  "$$python" -m venv --clear $(INTO) 2>/dev/null && exit 0; \
done; \
echo "There is no Python 3.12 or later with venv: install one" >&2; exit 1
endef

# Installs what the machine lacks of Debian's Chromium, Firefox and WebKitGTK; $(2) are the names
# of one program, $(3) are its packages.
find_chromium = $(call find,Chromium,chromium chromium-browser google-chrome,chromium)
find_firefox = $(call find,Firefox,firefox-esr firefox,firefox-esr)
find_webkit = $(call find,WebKitGTK,WebKitWebDriver,webkit2gtk-driver xvfb)
find_screen = $(call find,Xvfb,Xvfb,xvfb)
define find
found=; for name in $(2); do command -v $$name >/dev/null && found=yes; done; \
[ -n "$$found" ] || { \
  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
    echo "The tests need $(1): install it (Debian: apt-get install $(3))" >&2; exit 1; }; \
  echo "Installing $(1) (once) ..."; \
  { apt-get update -q && apt-get install -qy --no-install-recommends $(3); } >$(LOG) 2>&1 || { \
    echo "Installing $(1) failed: $$(tail -n 1 $(LOG)) (all of it: $(LOG))" >&2; exit 1; }; }
endef
find_browsers = $(find_chromium); $(find_firefox); $(find_webkit); $(find_screen)

clean:
	rm -rf $(VENV) .demo
