"""Batches that are read ahead by a helper process: the same as without one, in their order, whatever happens to it."""

import pytest

from benchmarks.mesh import chains
from meshd.log import ahead
from meshd.log.ahead import intakes
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


def test_the_same_comes_as_without_it(batches):
    found = list(intakes(ASSEMBLY, batches))
    plain = [prepare(ASSEMBLY, batch) for batch in batches]
    assert [each.records for each in found] == [each.records for each in plain]
    assert [each.refused for each in found] == [each.refused for each in plain]
    assert [each.checked for each in found] == [each.checked for each in plain]
    assert [dict(each.sketches) for each in found] == [dict(each.sketches) for each in plain]


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


@pytest.mark.parametrize("much", [ahead._MUCH, 1000])
@pytest.mark.parametrize(
    "command",
    [
        ["/nonexistent"], ["true"], ["cat", "/dev/zero"], ["sh", "-c", "printf .; exit"],
        ["sh", "-c", "printf .; head -c 100000 > /dev/null"],
    ],
)  # fmt: skip
def test_everything_works_without_the_process(batches, monkeypatch, command, much):
    monkeypatch.setattr(ahead, "COMMAND", command)
    monkeypatch.setattr(ahead, "_MUCH", much)
    assert [len(each.records) for each in intakes(ASSEMBLY, batches)] == [1200, 10, 0, 1190, 1200, 0, 1200]


@pytest.mark.parametrize("much", [ahead._MUCH, 1000])
def test_no_process_is_left(batches, monkeypatch, much):
    """Neither of one that is used, nor of one that was started for a batch after which none came."""
    monkeypatch.setattr(ahead, "_MUCH", much)
    started = []
    real = ahead._started

    def watched():
        started.append(real())
        return started[-1]

    monkeypatch.setattr(ahead, "_started", watched)
    work = intakes(ASSEMBLY, batches)
    for _ in range(5):
        next(work)
    work.close()
    assert len(started) == 1
    assert started[0].poll() is not None
    assert len(list(intakes(ASSEMBLY, batches[:1]))) == 1
    assert len(started) == 1 + (much == 1000)
    assert all(each.poll() is not None for each in started)
