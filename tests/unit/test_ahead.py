"""Batches that are read ahead by a helper process: the same as without one, in their order, whatever happens to it."""

import select

import pytest

from benchmarks.mesh import chains
from meshd.log import ahead
from meshd.log.ahead import intakes
from meshd.log.helper_process import unpack_intake
from meshd.log.intake import prepare

ASSEMBLY = b"a" * 32


@pytest.fixture(scope="module")
def batches():
    records = list(chains(ASSEMBLY, 4800, 200))
    return [
        records[:1200],
        records[1200:1210],
        [],
        records[1210:2400],
        records[2400:3600],
        [b"nonsense"],
        records[3600:],
    ]


@pytest.fixture
def patient(monkeypatch):
    """The process is waited for, so that it does what a slower machine would have it do; there is a core for it."""
    monkeypatch.setattr(ahead, "has_a_core", lambda: True)
    monkeypatch.setattr(ahead, "_says", lambda process: select.select([process.stdout], [], [], 60)[0] != [])


@pytest.mark.usefixtures("patient")
def test_the_same_comes_as_without_it(batches, monkeypatch):
    unpacked = []
    monkeypatch.setattr(ahead, "unpack_intake", lambda parts: unpacked.append(1) or unpack_intake(parts))
    found = list(intakes(ASSEMBLY, batches))
    plain = [prepare(ASSEMBLY, batch) for batch in batches]
    assert [each.records for each in found] == [each.records for each in plain]
    assert [each.refused for each in found] == [each.refused for each in plain]
    assert [each.checked for each in found] == [each.checked for each in plain]
    assert [dict(each.sketches) for each in found] == [dict(each.sketches) for each in plain]
    assert len(unpacked) == 3, "from the second long one on"


def test_the_first_is_given_out_in_parts(batches, monkeypatch):
    monkeypatch.setattr(ahead, "_PART", 500)
    found = list(intakes(ASSEMBLY, [[], *batches]))
    assert [len(each.records) for each in found[:5]] == [0, 500, 500, 200, 10]
    assert [record for each in found for record in each.records] == [
        record for batch in batches for record in prepare(ASSEMBLY, batch).records
    ]


@pytest.mark.usefixtures("patient")
def test_a_machine_of_one_core_has_no_process(batches, monkeypatch):
    monkeypatch.setattr(ahead, "has_a_core", lambda: False)
    monkeypatch.setattr(ahead, "_started", None)
    assert sum(len(each.records) for each in intakes(ASSEMBLY, batches)) == 4800


def test_nobody_waits_for_the_process(batches, monkeypatch):
    monkeypatch.setattr(ahead, "COMMAND", ["sleep", "1000"])
    assert sum(len(each.records) for each in intakes(ASSEMBLY, batches)) == 4800


def test_one_that_has_to_wait_is_asked_for_when_what_came_before_is_taken_in(batches):
    taken = []

    def every():
        yield batches[0]
        assert taken == [], "it is read ahead"
        yield None
        assert taken == [1200], "now it was taken in"
        yield batches[3]

    for intake in intakes(ASSEMBLY, every()):
        taken.append(len(intake.records))
    assert taken == [1200, 1190]


def test_what_was_read_before_something_failed_is_given_out(batches):
    def every():
        yield batches[0]
        raise OSError("pulled")

    found = []
    with pytest.raises(OSError, match="pulled"):
        for intake in intakes(ASSEMBLY, every()):
            found.append(len(intake.records))
    assert found == [1200]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("part", [ahead._PART, 1000])
@pytest.mark.parametrize(
    "command",
    [
        ["/nonexistent"], ["true"], ["cat", "/dev/zero"], ["sh", "-c", "printf .; exit"],
        ["sh", "-c", "printf .; head -c 100000 > /dev/null"],
    ],
)  # fmt: skip
def test_everything_works_without_the_process(batches, monkeypatch, command, part):
    monkeypatch.setattr(ahead, "COMMAND", command)
    monkeypatch.setattr(ahead, "_PART", part)
    found = [len(each.records) for each in intakes(ASSEMBLY, batches)]
    assert found == [*([1000, 200] if part == 1000 else [1200]), 10, 0, 1190, 1200, 0, 1200]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("part", [ahead._PART, 1000])
def test_no_process_is_left(batches, monkeypatch, part):
    """Neither of one that is used, nor of one that was started for a batch after which none came."""
    monkeypatch.setattr(ahead, "_PART", part)
    started = []
    real = ahead._started

    def watched():
        started.append(real())
        return started[-1]

    monkeypatch.setattr(ahead, "_started", watched)
    work = intakes(ASSEMBLY, batches)
    for _ in range(6):
        next(work)
    work.close()
    assert len(started) == 1
    assert started[0].poll() is not None
    assert len(list(intakes(ASSEMBLY, batches[:1]))) == 1 + (part == 1000)
    assert len(started) == 1 + (part == 1000)
    assert all(each.poll() is not None for each in started)
