"""The communication tree: two callers each, four calls at most, the same for everybody."""

import pytest

from meshd_protocol.trees import orphans, tree


def _members(count):
    return [bytes([n]) * 32 for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30, 100])
def test_everybody_is_called_by_two_and_calls_four_at_most(count):
    members = _members(count)
    found = tree(b"a" * 32, members, members[0])
    assert found == tree(b"a" * 32, list(reversed(members)), members[0]), "in any order"
    assert found.keys() == set(members)
    for each, own in found.items():
        assert len(own.calls) <= (6 if each == members[0] else 4)
        assert len(own.callers) <= 2
        assert own.callers or each == members[0]
        assert each not in own.calls | own.callers
        assert all(each in found[other].callers for other in own.calls)
    if count > 3:
        assert sum(len(own.callers) == 2 for own in found.values()) > count // 2
        assert found != tree(b"b" * 32, members, members[0]), "another alarm, other paths"


def test_all_hear_of_it_though_one_in_the_middle_is_silent():
    members = _members(30)
    found = tree(b"a" * 32, members, members[0])
    for silent in members[1:]:
        heard = {members[0]}
        while True:
            more = {other for each in heard if each != silent for other in found[each].calls} - heard
            if not more:
                break
            heard |= more
        assert len(heard) >= 28, "one path of two"


def test_orphans_are_those_whom_nobody_calls_who_has_heard():
    members = _members(7)
    found = tree(b"a" * 32, members, members[0])
    assert orphans(found, members) == set()
    assert orphans(found, []) == set(members)
    one = members[0]
    assert orphans(found, [one]) == set(members) - {one} - found[one].calls
