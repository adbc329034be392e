# The tasks of meshd. `just` lists them. They run in the environment that is active.

default:
    @just --list

# watch three nodes decide
demo:
    meshd demo

# the tests, on all cores
test:
    pytest

# those that take long: a real browser, the package, the demo, what waits, more seeds
long:
    pytest -m long

# linters, types, layers
lint:
    ruff check .
    ruff format --check .
    mypy
    pyright
    lint-imports

# format, and write the generated pages and vectors
format:
    ruff format .
    ruff check --fix .
    python docs/generate.py
    python docs/spec/vectors/make.py

# random histories of islands, with more seeds than the tests take
islands seeds="2000":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/unit/test_rosters.py -k islands

# random islands of every kind of word and decision, with more seeds than the tests take
heads seeds="1000":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/unit/test_heads.py

# random histories of whole nodes, with more seeds than the tests take
seeds seeds="300":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/endtoend/test_seeds.py

# random histories of what the rules know, each in many orders, with more seeds than the tests take
histories seeds="300" orders="200":
    MESHD_SEEDS={{seeds}} MESHD_ORDERS={{orders}} pytest -n logical tests/endtoend/test_histories.py::test_histories

# random histories of federations of whole nodes, with more seeds than the tests take
federated seeds="100":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/endtoend/test_federated.py

# a record on its way through a mesh of more nodes than the tests take
mesh nodes="100":
    MESHD_NODES={{nodes}} pytest -n logical tests/endtoend/test_mesh.py -k everybody

# power cuts in the lives of homes, more of them than the tests take
power cuts="10000":
    MESHD_CUTS={{cuts}} pytest -n logical tests/endtoend/test_power.py

# kills at every write, fsync, rename and statement of long work
kills points="100000":
    MESHD_KILLS={{points}} pytest -n logical tests/endtoend/test_kills.py

# bits flipped in logs, more of them than the tests take
flips places="20000":
    MESHD_FLIPS={{places}} pytest -n logical tests/endtoend/test_flips.py

# commands between the steps of long work, with more seeds than the tests take
steps seeds="300":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/endtoend/test_steps.py -k random

# records of every kind with random contents, with more seeds than the tests take
bodies seeds="500":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/endtoend/test_random_bodies.py

# entries by the forms of the sets, and by broken ones, with more seeds than the tests take
entries seeds="300":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/endtoend/test_random_entries.py

# whether the tests run every branch of the rules and formats
coverage:
    pip install -q "coverage>=7"
    coverage run --branch --source=meshd_protocol -m pytest -n0 tests/unit tests/contracts tests/endtoend
    coverage report --show-missing --skip-covered --fail-under=100

# how many wrong rules the tests notice, in a copy of the project (about an hour)
mutants folder="/tmp/meshd-mutants":
    pip install -q "mutmut>=3.8"
    git clone -q . {{folder}}
    cd {{folder}} && mv protocol/meshd_protocol crypto/meshd_crypto cli/meshd_cli .
    cd {{folder}} && cat tests/mutants.toml >> pyproject.toml && PYTEST_ADDOPTS=-n0 mutmut run

# whether a Raspberry Pi with a 64-bit system can install without a compiler
wheels folder="/tmp/meshd-wheels":
    pip wheel -q --no-deps -w {{folder}} .
    pip download -q -d {{folder}} --only-binary=:all: --python-version 3.11 --platform manylinux_2_28_aarch64 \
        --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 {{folder}}/meshd_assembly-*.whl

# random polls, counted by the second reader too, with more seeds than the tests take
polls seeds="5000":
    MESHD_SEEDS={{seeds}} pytest -n logical tests/unit/test_second_counting.py

# longer searches by Hypothesis
search examples="5000":
    MESHD_EXAMPLES={{examples}} pytest tests/unit tests/endtoend -k "garbage or history or encoded or refused or schulze or settled"

# random bytes into every reader of strangers' bytes, guided by coverage
fuzz seconds="120":
    pip install -q "atheris>=3"
    python -m tests.fuzz -max_total_time={{seconds}} -max_len=2000

# all benchmarks
bench *options:
    python -m benchmarks ingest {{options}}
    python -m benchmarks cli {{options}}
    python -m benchmarks tally {{options}}
    python -m benchmarks count {{options}}
    python -m benchmarks verify {{options}}
    python -m benchmarks rosters {{options}}
    python -m benchmarks check {{options}}
    python -m benchmarks sticks {{options}}
    python -m benchmarks sync {{options}}
    python -m benchmarks growth {{options}}
    python -m benchmarks hostile {{options}}
    python -m benchmarks idle {{options}}

# the Debian package, for this machine's architecture or another one (amd64, arm64), into dist/
deb arch="$(dpkg --print-architecture)":
    python packaging/build_deb.py --arch {{arch}}

# install and remove the package on bare Debian 12 and 13 (as root; takes debootstrap and some minutes; arm64 on another
# machine takes qemu-user-static, too, and a quarter of an hour)
deb-clean arch="$(dpkg --print-architecture)":
    python packaging/clean.py --arch {{arch}}
