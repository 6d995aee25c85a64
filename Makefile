# make demo    start the demo; PORT= and REDIS_URL= change where it is and what it uses
# make clean   remove what make has made

PYTHON ?= python3
VENV := .venv
LOG := $(VENV)/install.log

.PHONY: demo venv clean

demo: $(VENV)/.demo
	@exec $(VENV)/bin/python -m project.demo

venv: $(VENV)/.demo

# Each stamp stands for one set of extras, installed anew when pyproject.toml changes.
$(VENV)/.%: pyproject.toml
	@$(make_venv)
	@echo "Installing the project (once; it takes a minute) ..."
	@$(VENV)/bin/python -m pip install -q -e ".[$*]" >$(LOG) 2>&1 || { \
	  echo "Installing failed: $$(grep -m 1 -o 'ERROR: .*' $(LOG) || tail -n 1 $(LOG))" \
	    "(all of it: $(LOG))" >&2; exit 1; }
	@touch $@

# Says in one line what is missing. Debian keeps venv in a package of its own.
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
"$$python" -m venv --clear $(VENV) || { echo "Making $(VENV) failed" >&2; exit 1; }
endef

clean:
	rm -rf $(VENV) .demo
