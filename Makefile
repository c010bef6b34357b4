# Everything you type, as `make COMMAND`. No logic lives here: each command is one call, `make launch SPOT=1 HOURS=4` runs
# `.venv/bin/rig launch --spot='1' --hours='4'`, and `rig` explains what it does not understand.
# Works with GNU make 3.81, which macOS ships.

.DEFAULT_GOAL := help

# The commands of `rig`; what each does stands beside its name further down.
rig_commands := demo doctor completion plan types launch train tune logs watch pull runs compare note dashboard cancel status extend stop start terminate \
             ssh ssh-config port notebook serve board pack image bake cost sweep settings rehearsal iam-policy setup-guard \
             lesson lesson-check lesson-solution cards quiz

other_targets := help set-up extra-ford extra-notebook extra-docs extra-horovod extra-tune test test-all trust bench bench-check check \
                 lint docs pictures acceptance lock clean remote here

.PHONY: $(other_targets) $(rig_commands)

# --- How TYPE=g5.xlarge becomes --type='g5.xlarge' -------------------------------------------------------------------
# Only what stands on the command line counts: a TYPE in the shell's environment is somebody else's.
# $(value ...) keeps dollars as typed; inside single quotes the shell keeps everything but the quote itself.
rig_given = $(foreach name,$(filter-out PYTHON -%,$(.VARIABLES)),$(if $(filter command,$(origin $(name))),$(name)))
in_quotes = '$(subst ','\'',$(1))'
rig_quoted = $(call in_quotes,$(value $(1)))
rig_option = --$(shell echo $(1) | tr 'A-Z_' 'a-z-')=$(call rig_quoted,$(1))
rig_options = $(foreach name,$(rig_given),$(call rig_option,$(name)))
# make would also hand them down expanded, in the environment and in MAKEFLAGS, and stumble over a lone "$(".
unexport $(rig_given)
MAKEOVERRIDES =
# A shell that sets it keeps no compiled modules: each `rig` would compile 600 of them again, for half a second.
unexport PYTHONDONTWRITEBYTECODE
# MkDocs would remark on its own future in each build.
export NO_MKDOCS_2_WARNING = 1
# `make train remote`, `make tune remote`, `make serve remote`, `make notebook here`: the argument says where.
rig_place = $(if $(filter train tune serve,$@),$(filter remote,$(MAKECMDGOALS)))$(if $(filter notebook,$@),$(filter here,$(MAKECMDGOALS)))

# `make train lenet`, `make extend 2h`: a word that is no target goes to rig, which takes it, or says what was meant.
rig_stray = $(foreach word,$(filter-out $(rig_commands) $(other_targets),$(MAKECMDGOALS)),$(call in_quotes,$(word)))
rig_word = $(call in_quotes,$@)

$(rig_commands): .venv/.ready
	@scripts/fix-moved
	@GLUON_RIG_CALLED_BY=make .venv/bin/rig $@ $(rig_place) $(rig_stray) $(rig_options)

# A slip, such as `make lanch`: rig knows the nearest command.
.DEFAULT:
	@test -x .venv/bin/rig || { echo 'There is no `make '$(rig_word)'`; `make` alone lists all commands.' >&2; exit 2; }
	@$(if $(filter $(rig_commands),$(MAKECMDGOALS)),:,GLUON_RIG_CALLED_BY=make .venv/bin/rig $(rig_word))

# --- What `make` alone prints ----------------------------------------------------------------------------------------
help:
	@scripts/list-targets Makefile

##@ begin here
demo: ## the whole story on this computer, no AWS account needed: launch, train, results home, stop
doctor: ## what is missing before the first launch, and how to fix it
rehearsal: ## the pretend cloud of this folder: is it up, and where; DO=down ends it, DO=up begins it
settings: ## every setting, its meaning and its value here
completion: ## what your shell completes for `rig`: KIND=bash, zsh or fish

##@ the instance
launch: ## rent an instance and make it ready: TYPE=g4dn.xlarge HOURS=8 BUDGET=5 SPOT=1 NODES=4
status: ## every rig in the region: state, cost so far, when each safeguard stops it
start: ## start a stopped instance
stop: ## stop the instance; the disk stays, and what it costs is said
terminate: ## delete the instance and its disk
image: ## build (or, with REGISTRY=, pull) the training image on the instance ahead of time
bake: ## make an image (AMI) of the prepared instance: the next launch is ready at boot

##@ runs
train: ## train JOB=lenet on this CPU; `make train remote JOB=lenet` on the instance; SCRIPT=mine.py ARGS="-n 3"
logs: ## follow a run again
watch: ## one live screen of a run: progress, curves, GPU, money, what will end it; keys to cancel and extend
pull: ## fetch a run's results, also while it trains
runs: ## every run, here and on the instance: state, score, time, cost
compare: ## runs side by side, and what differs: RUNS="A B"; without, the two newest
note: ## write down what you think of a run: RUN=lenet TEXT="..." TAGS="good paper"
dashboard: ## one page over runs/, for a browser: curves over each other, what differs, what it cost
cancel: ## end a run: RUN=name

##@ studies
tune: ## many runs of a job with different settings: JOB=turbofan SPACE=space.toml TRIALS=16; `make tune remote NODES=4`

##@ sessions
ssh: ## a shell on the instance; of a group, NODE=2
ssh-config: ## a Host entry for VS Code Remote-SSH, Emacs and vim
port: ## lead a port of the instance to this computer: NUMBER=8080
notebook: ## Jupyter on the instance, in your browser; `make notebook here`: over lessons/, on this computer
serve: ## what a run has learned, over HTTP and on a page: RUN=latest; `make serve remote` on the instance
board: ## TensorBoard over your runs, on this computer

##@ the data
pack: ## a sensor log of any size, made ready for training to stream it: TABLE=fleet.toml OUT=packed NODES=4

##@ money
plan: ## what `launch` would do and the most it can cost; changes nothing
types: ## GPU types of the region: memory, prices, whether MXNet runs on them, your quota: GPU_MEM=16
extend: ## move the deadline of every safeguard: BY=2h
cost: ## what each run and instance cost
sweep: ## all regions: everything the kit made and its cost; DELETE=1 removes it after asking
iam-policy: ## the least permissions the kit needs, as an IAM policy
setup-guard: ## once per account: let AWS itself stop an instance at its deadline

##@ the lessons
lesson: ## ten lessons, from the first array to car sensors: N=3 begins one, without N: where you are
lesson-check: ## what is right in your script, what is missing, and one next step: N=3
lesson-solution: ## one way to write it, after a first check: N=3
cards: ## the lessons' flash cards as an Anki deck
quiz: ## the flash cards that are due, in this terminal

remote:
	@$(if $(filter train tune serve,$(MAKECMDGOALS)),:,echo '`remote` goes together with `train`, `tune` or `serve`: make train remote JOB=lenet' >&2; exit 2)

here:
	@$(if $(filter notebook,$(MAKECMDGOALS)),:,echo '`here` goes together with `notebook`: make notebook here' >&2; exit 2)

##@ set-up and extras
help: ## this list
# --- Set-up: done when the stamp is newer than the locks --------------------------------------------------------------
set-up: .venv/.ready ## install what the kit needs into .venv (every other target does it by itself)

.venv/.ready: requirements/laptop.txt pyproject.toml scripts/set-up $(wildcard training/mxnet_hook/*.p*)
	@PYTHON='$(PYTHON)' scripts/set-up laptop

.venv/.ready-extra-horovod: requirements/image-horovod.txt scripts/horovod/build

.venv/.ready-%: requirements/%.txt .venv/.ready
	@scripts/set-up $*

extra-ford: .venv/.ready-extra-ford ## add the FordA and FordB data (77 MB), for the job `ford`
extra-horovod: .venv/.ready-extra-horovod ## build Horovod for this computer, once (two minutes), for WORKERS=2
extra-tune: .venv/.ready-extra-tune ## add Optuna, Dask and Plotly (75 MB), for `make tune`
extra-docs: .venv/.ready-extra-docs ## add MkDocs and its Material theme (25 MB), for `make docs`
extra-notebook: .venv/.ready-extra-notebook ## add JupyterLab and Jupytext (100 MB), for `make notebook here`

##@ for those who change the kit
# --- For those who change the kit ------------------------------------------------------------------------------------
# Some tests at a time, the longest first: tests/conftest.py says which may run side by side.
several = --numprocesses auto

test: .venv/.ready-test ## what a change must pass; TESTS=tests/aws or TESTS="-k budget": only those, and all of them
	@.venv/bin/python -m pytest $(if $(TESTS),$(TESTS),$(several) -m 'not exhaustive')

# Each process reads only the files that have one of them, a sixth of all.
test-all: .venv/.ready-test ## the rest of the tests: more of each kind than `test` has
	@.venv/bin/python -m pytest $(several) -m exhaustive $$(grep -rl --include='test_*.py' exhaustive tests | sort)

trust: .venv/.ready-test ## deaths, bad input, broken answers and load, at full size (hours): docs/reliability.md; ROWS="load pull"
	@.venv/bin/python scripts/trust.py $(ROWS)

bench: .venv/.ready-test ## where people wait, as ratios against a named floor; ROWS="pull help": docs/performance.md
	@.venv/bin/python bench/waits.py $(if $(ROWS),--rows $(ROWS))

bench-check: .venv/.ready-test ## the same; fails by name where a bound is missed
	@.venv/bin/python bench/waits.py --check $(if $(ROWS),--rows $(ROWS))

check: lint test ## both: what CI runs

lint: .venv/.ready-test ## ruff, mypy, the order of imports, shellcheck and the documents
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@scripts/shellcheck-all
	@.venv/bin/python scripts/check_docs.py
	@.venv/bin/mkdocs build --quiet

docs: .venv/.ready-extra-docs ## the pages of docs/ as a site in build/docs, every link checked; OPEN=1 shows it on this computer
	@.venv/bin/mkdocs $(if $(OPEN),serve --open,build --quiet)

pictures: .venv/.ready-test ## make docs/pictures anew: screens, report, dashboard and server (needs tmux and chromium)
	@.venv/bin/python scripts/pictures.py

acceptance: .venv/.ready ## what only a real AWS account can show: the plan and its price; NODES=2, TYPE=...: docs/acceptance.md
	@$(if $(NODES),RIG_NODES=$(call rig_quoted,NODES)) $(if $(TYPE),RIG_TYPE=$(call rig_quoted,TYPE)) \
	    .venv/bin/python scripts/acceptance.py

lock: .venv/.ready-test ## write requirements/*.txt from *.in; UPGRADE=1 takes newer versions
	@UPGRADE='$(UPGRADE)' scripts/lock

clean: ## remove .venv and caches; runs and settings stay
	@rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
