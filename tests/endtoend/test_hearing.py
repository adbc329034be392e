"""What a federation shows of its assemblies: how many are heard on a matter, and how far each is followed, by whom."""

from meshd.service import explaining, membership, status, waiting
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from tests.unions import NAMES
from tests.worlds import Author, exchange, newcomer, propose, state_of

DAY_MS = 86_400_000


def row_of(context, name: str) -> dict:
    (row,) = [each for each in membership.members(context, {}) if each["label"].startswith(name)]
    return row


def test_show_says_how_many_assemblies_are_heard_and_what_does_not_count(union):
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    union.sends("Aragon", "Ada", federation.me, "Delegate")
    matter = propose(federation, "A common warehouse", "significant")
    assert state_of(federation, matter)["heard"] == {
        "assemblies": 0, "of": 3, "weight": 0, "whole": 3, "needed": 2, "idle": []
    }  # fmt: skip
    spoken = union.says("Aragon", matter)
    union.quote("Aragon", spoken)
    said = union.says("Bakery", matter, 0)
    row = union.nodes["Bakery"].proposal(said)
    union.quote_alone("Bakery", row.id)
    heard = state_of(federation, matter)["heard"]
    assert (heard["assemblies"], heard["weight"]) == (1, 1)
    assert [each["label"].split("·")[0] for each in heard["idle"]] == ["Bakery"]
    assert heard["idle"][0]["put_ms"] == row.time_ms
    assert explaining.why(federation, {"id": text_of(matter)})["heard"] == heard
    union.yes("Bakery", said)
    union.quote("Bakery", said)
    assert state_of(federation, matter)["heard"]["idle"] == []
    assert explaining.show(union.nodes["Aragon"], {"id": spoken})["heard"] is None


def test_members_says_up_to_when_each_is_followed_and_whether_by_its_own_delegate_alone(union, tmp_path):
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    union.sends("Aragon", "Ada", federation.me, "Delegate")
    assert row_of(federation, "Aragon")["by_its_own"]
    assert not row_of(federation, "Harbour")["by_its_own"], "Ada quoted it, who sits for Aragon"
    before = row_of(federation, "Harbour")["until_ms"]
    union.clock.now_ms += 30 * DAY_MS
    assert row_of(federation, "Harbour")["until_ms"] == before
    union.quote("Harbour", union.says("Harbour", propose(federation, "A matter", "significant")))
    assert row_of(federation, "Harbour")["until_ms"] > before + 29 * DAY_MS
    # what nobody of the Harbour wrote makes it no younger
    stranger = Author(union.nodes["Harbour"].assembly.id, "Eve", 902)
    fresh = [stranger.certify(), stranger.propose(b"r" * 32, "Fresh")]
    fresh = tuple(sorted((each.header, each.signature, each.body) for each in fresh))
    known = row_of(federation, "Harbour")["until_ms"]
    union.clock.now_ms += 30 * DAY_MS
    with federation.assembly.writing():
        federation.assembly.write(Kind.QUOTATION, Quotation(union.nodes["Harbour"].assembly.id, fresh))
    assert row_of(federation, "Harbour")["until_ms"] == known
    other = newcomer(tmp_path, federation, "Di", seed=61, clock=union.clock).context
    exchange(federation.assembly, other.assembly)
    assert row_of(other, "Aragon")["by_its_own"]
    other.assembly.close()


def test_the_home_screen_says_since_when_a_voice_waits_to_be_heard(union):
    federation, aragon = union.federation, union.nodes["Aragon"]
    for name in NAMES:
        union.joins(name)
    union.sends("Aragon", "Ada", federation.me, "Delegate")
    matter = propose(federation, "A common warehouse", "significant")
    asked = aragon.assembly.world.clock()
    said = union.says("Aragon", matter, 0)
    union.clock.now_ms += 2 * DAY_MS
    union.yes("Aragon", said)
    found = [each for each in waiting.waiting(aragon).shown if each["id"] == said]
    assert [each["what"] for each in found] == ["unheard"]
    assert asked <= found[0]["since"] <= aragon.assembly.world.clock()
    assert not [each for each in status.status(federation, {})["pending"] if "parted" in each]
