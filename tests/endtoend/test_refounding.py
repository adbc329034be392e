"""An assembly is founded anew without who is lost: by everybody who is left, in one home beside the old one, with what was
decided before still there to see; and nobody is led elsewhere by a founding that is not what it says.
"""

import errno
import shutil
from dataclasses import replace

import pytest

from meshd.assembly.keystore import load
from meshd.errors import BusyError, NodeError, NotFoundError, UsageError
from meshd.founding import refounding
from meshd.founding.opening import open_assembly, signed_genesis
from meshd.home import assemblies
from meshd.service import checking, governing, membership, proposing, status, voting
from meshd.service import refounding as verbs
from meshd.service.context import Context
from meshd.store import tables
from meshd.transports.memory import MemoryNetwork
from meshd_crypto.sealing import seal
from meshd_protocol import limits
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import Revocation
from meshd_protocol.bodies.refounding import Refounding, refounding_plain
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.endtoend.harness import Running, equal, running, until
from tests.worlds import Author, Clock, commune, exchange, founder, give, newcomer, propose, state_of

DAY = 24 * 3600 * 1000


@pytest.fixture
def opened():
    """What a test opened: closed after it."""
    found = []
    yield found
    for each in found:
        each.close()


@pytest.fixture
def old(tmp_path, opened):
    """Ada, Bea and Cy have nodes, Dan and Eve are lost: five, of whom three are left."""
    clock = Clock()
    nodes, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=3, clock=clock, witnesses=4)
    opened.extend(nodes)
    exchange(*nodes)
    for author in authors:
        record = author.certify()
        for node in nodes:
            give(node, record)
    clock.now_ms += 20 * DAY
    decided = propose(Context(nodes[0]), "Buy flour")
    exchange(*nodes)
    for node in nodes:
        voting.vote(Context(node), {"id": text_of(decided), "choices": ["yes"]})
    exchange(*nodes)
    return [Context(node) for node in nodes], authors, decided


def refound(context, **arguments):
    return verbs.refound(context, arguments)


def pending(context):
    return status.status(context, {})["pending"]


def lines(context):
    return [line for line in pending(context) if "anew" in line and "is a way on" not in line]


def meet(*contexts):
    exchange(*(each.assembly for each in contexts))


def new_of(context, answer, opened):
    """The new assembly of a home, opened with the old one's passphrase."""
    found = open_assembly(context.assembly.folder.parent / answer["folder"], "pw", context.assembly.world)
    opened.append(found)
    return Context(found)


async def test_those_who_are_left_go_on(old, opened, autojump_clock):
    (ada, bea, cy), (dan, eve), decided = old
    assert any("`meshd refound --without Dan·" in line for line in pending(ada))
    answer = refound(ada, without=["Dan", "Eve"])
    assert [each.split("·")[0] for each in answer["without"]] == ["Dan", "Eve"]
    assert answer["warnings"] == []
    meet(ada, bea, cy)
    (line,) = lines(bea)
    short = answer["id"][:8]
    label = bea.assembly.people.label
    assert line == (
        f"{label(ada.me)} founds anew, without {label(dan.member.public)}, {label(eve.member.public)}: "
        f"`meshd refound {short}` confirms."
    )
    assert not any("refound --without" in each for each in pending(bea)), "the way on is there"
    assert refound(bea, id=short)["id"] == answer["id"]
    assert "you confirmed; " in lines(bea)[0]

    news = [new_of(each, answer, opened) for each in (ada, bea)]
    away = ", ".join(sorted(map(news[0].assembly.people.label, [bea.me, cy.me])))
    how = f"`meshd refound {short}` does, in the assembly that this one was founded from."
    assert pending(news[0]) == [f"Has not confirmed: {away}. {how}"]
    assert news[0].assembly.people.name(cy.me) == "Cy", "known from before"
    network = MemoryNetwork()
    nodes = [Running(name, each.assembly, network) for name, each in zip(("ada", "bea"), news, strict=True)]
    async with running(nodes, {"bea": ["ada"]}):
        await until(equal(nodes))
        assert len([line for line in pending(news[0]) if "Has not confirmed: Cy·" in line]) == 1
        question = await nodes[1].do(proposing.propose, title="Sell bread", policy="significant")
        await until(equal(nodes))
        for node in nodes:
            await node.do(voting.vote, id=question["id"], choices=["yes"])
        await until(equal(nodes))
    assert state_of(news[0], bytes_of(question["id"]))["state"] == "settled"

    refound(cy, id=answer["id"])
    third = new_of(cy, answer, opened)
    meet(*news, third)
    assert [each for each in pending(third) if "confirmed" in each] == []
    assert state_of(third, bytes_of(question["id"]))["outcome"] == "passed"

    for context in (ada, bea, cy):
        assert state_of(context, decided)["outcome"] == "passed", "what was decided stays in the old assembly"
    with pytest.raises(NotFoundError):
        state_of(third, decided)
    assert status.status(third, {})["refounded_from"] == {
        "assembly": ada.assembly.id.hex(),
        "folder": text_of(ada.assembly.id)[:16],
        "here": True,
    }
    assert status.status(ada, {})["refounded_from"] is None
    for context in (*news, third, ada, bea, cy):
        (*_, report) = _all(checking.check(context, {}))
        assert report["ok"], report


def _all(steps):
    try:
        while True:
            yield next(steps)
    except StopIteration as end:
        yield end.value


def test_keys_and_rules_are_taken_over(old, opened):
    (ada, bea, _), _, _ = old
    before = ada.state()
    answer = refound(ada, without=["Dan", "Eve"])
    meet(ada, bea)
    refound(bea, id=answer["id"])
    for context in (ada, bea):
        fresh, held = new_of(context, answer, opened), context.assembly.keys
        keys = fresh.assembly.keys
        for same in ("person", "device", "transport", "sealing", "member", "member_public"):
            assert getattr(keys, same) == getattr(held, same)
        assert keys.database != held.database
        assert not {key.secret for key in keys.network} & {key.secret for key in held.network}
        state = fresh.state()
        assert state.policies == before.policies
        assert state.members == before.members - {each.member.public for each in old[1]}
        devices = {device: who for device, who in before.witnesses.devices.items() if who in state.members}
        assert dict(state.witnesses.devices) == devices
        assert len(devices) == 3
        assert fresh.standing().genesis.name == context.standing().genesis.name
        assert load(fresh.assembly.folder, "pw")[0] == keys
    assert len(assemblies(ada.assembly.folder.parent)) == 2


def test_addresses_are_taken_over(old, opened):
    (ada, *_), _, _ = old
    with ada.assembly.store.transaction():
        ada.assembly.store.insert([tables.Peer("10.0.0.7:4000", 5)])
    fresh = new_of(ada, refound(ada, without=["Dan", "Eve"]), opened)
    assert fresh.assembly.store.find(tables.Peer) == [tables.Peer("10.0.0.7:4000", 5)]


@pytest.mark.parametrize("size", [40, limits.TEXT_BYTES])
def test_the_charter_s_text_goes_with_it_where_it_fits(tmp_path, opened, size):
    nodes, authors = commune(tmp_path, ["Ada", "Bea", *(f"P{n}" for n in range(25))], nodes=1, witnesses=27)
    opened.extend(nodes)
    ada = Context(nodes[0])
    give(nodes[0], *(author.certify() for author in authors))
    charter = bytes_of(governing.charter(ada, {"text": "x" * size})["id"])
    give(nodes[0], *(author.ballot(charter) for author in authors))
    assert ada.state().charter == charter
    answer = refound(ada, without=["Bea"])
    fresh = new_of(ada, answer, opened)
    taken = governing.charter(fresh, {})
    assert taken["id"] is None
    assert taken["text"] == ("x" * size if size == 40 else "")
    assert bool(answer["warnings"]) == (size > 40)
    again = refound(fresh, without=["P0"])
    assert governing.charter(new_of(fresh, again, opened), {})["text"] == taken["text"], "and with the next one"


def test_many_devices_take_several_records(tmp_path, opened):
    nodes, authors = commune(tmp_path, ["Ada", "Bea", *(f"P{n}" for n in range(90))], nodes=2)
    opened.extend(nodes)
    exchange(*nodes)
    ada, bea = map(Context, nodes)
    records = [author.certify() for author in authors]
    for node in nodes:
        give(node, *records)
    answer = refound(ada, without=["P1"])
    assert len(nodes[0].store.find(tables.Refounding)) > 1
    meet(ada, bea)
    assert len(lines(bea)) == 1, "several records, one founding"
    for row in bea.assembly.store.find(tables.Refounding):
        assert verbs._named(bea, text_of(row.founded)).id == bytes_of(answer["id"])
    assert refound(bea, id=answer["id"][:8])["assembly"] == answer["assembly"]


def test_more_than_fit_into_one_genesis_are_refused(tmp_path, opened):
    nodes, authors = commune(tmp_path, ["Ada", *(f"P{n}" for n in range(150))], nodes=1, witnesses=140)
    opened.extend(nodes)
    ada = Context(nodes[0])
    give(nodes[0], *(author.certify() for author in authors))
    with pytest.raises(NodeError, match="do not fit into one genesis"):
        refound(ada, without=["P1"])
    assert nodes[0].store.find(tables.Refounding) == []


# What is refused.


def test_whom_nobody_founds_without(old):
    (ada, *_), _, _ = old
    for arguments in ({}, {"without": []}, {"id": "abc", "without": ["Dan"]}):
        with pytest.raises(UsageError, match="without whom, or which"):
            refound(ada, **arguments)
    with pytest.raises(NodeError, match="nobody would be left"):
        refound(ada, without=["Ada", "Bea", "Cy", "Dan", "Eve"])
    with pytest.raises(NodeError, match="that is you"):
        refound(ada, without=["Ada", "Dan"])
    with pytest.raises(NotFoundError):
        refound(ada, without=["Zoe"])
    assert ada.assembly.store.find(tables.Refounding) == []
    assert len(assemblies(ada.assembly.folder.parent)) == 1


def test_an_observer_founds_nothing(tmp_path, opened):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    opened += [ada.assembly, bea.assembly]
    meet(ada.context, bea.context)
    membership.vouch(ada.context, {"person": "Bea"})
    meet(ada.context, bea.context)
    assert bea.context.me in bea.context.state().observers
    with pytest.raises(NodeError, match="only members found anew; you are an observer"):
        refound(bea.context, without=["Ada"])
    assert bea.assembly.store.find(tables.Refounding) == []


async def test_a_daemon_is_stopped_first(old, autojump_clock):
    (ada, *_), _, _ = old
    node = Running("ada", ada.assembly, MemoryNetwork())
    async with running([node]):
        with pytest.raises(BusyError, match="while it runs"):
            await node.do(verbs.refound, without=["Dan", "Eve"])
    assert ada.assembly.store.find(tables.Refounding) == []


def test_the_same_is_not_founded_twice(old):
    (ada, bea, _), _, _ = old
    answer = refound(ada, without=["Dan", "Eve"])
    meet(ada, bea)
    with pytest.raises(NodeError, match=r"Ada·\w+ founds just that"):
        refound(bea, without=["Eve", "Dan"])
    refound(bea, id=answer["id"])
    with pytest.raises(NodeError, match="confirmed that already"):
        refound(bea, id=answer["id"])


def test_nobody_begins_a_second_chain_there(old):
    """Whose new folder is gone joins it as one more device: the first one's certificate may be with others."""
    (ada, *_), _, _ = old
    answer = refound(ada, without=["Dan", "Eve"])
    shutil.rmtree(ada.assembly.folder.parent / answer["folder"])
    with pytest.raises(NodeError, match="confirmed that already") as refused:
        refound(ada, id=answer["id"])
    assert "is gone" in refused.value.hint


def test_the_member_key_must_be_here(old):
    (ada, bea, _), _, _ = old
    ada.assembly.keys = replace(ada.assembly.keys, member=None)
    with pytest.raises(NodeError, match="member key is not on this device"):
        refound(ada, without=["Dan", "Eve"])
    assert ada.assembly.store.find(tables.Refounding) == []
    answer = refound(bea, without=["Dan", "Eve"])
    meet(ada, bea)
    with pytest.raises(NodeError, match="member key is not on this device"):
        refound(ada, id=answer["id"])


def test_where_the_old_assembly_is_not_status_says_so(old, opened, tmp_path):
    (ada, *_), _, _ = old
    fresh = new_of(ada, refound(ada, without=["Dan", "Eve"]), opened)
    assert status.status(fresh, {})["refounded_from"]["here"] is True
    ada.assembly.folder.rename(tmp_path / "elsewhere")
    assert status.status(fresh, {})["refounded_from"]["here"] is False


def test_a_start_that_broke_off_is_done_again(old, opened, monkeypatch):
    (ada, *_), _, _ = old

    def broken(*_):
        raise OSError(errno.EIO, "the disk is gone")

    with monkeypatch.context() as patch, pytest.raises(NodeError, match="gone"):
        patch.setattr("meshd.assembly.keystore.write_durably", broken)
        refound(ada, without=["Dan", "Eve"])
    (row,) = ada.assembly.store.find(tables.Refounding)
    answer = refound(ada, id=text_of(row.founded))
    assert new_of(ada, answer, opened).assembly.id == row.founded


def test_two_foundings_are_both_told(old, opened):
    (ada, bea, cy), _, _ = old
    first = refound(ada, without=["Dan", "Eve"])
    second = refound(bea, without=["Cy", "Dan", "Eve"])
    meet(ada, bea, cy)
    told = lines(ada)
    assert len([line for line in told if "founds anew" in line or "You found anew" in line]) == 2
    assert any("You found anew" in line and first["id"][:8] in line for line in told)
    assert any("Bea·" in line and second["id"][:8] in line for line in told)
    assert any("agree on one" in line for line in pending(ada))
    assert any("without" in line and "you" in line and "confirms" not in line for line in lines(cy))
    with pytest.raises(NodeError, match=r"Bea·\w+ founds that without you"):
        refound(cy, id=second["id"])
    assert refound(cy, id=first["id"])["id"] == first["id"]


def test_what_is_not_there_is_not_confirmed(old):
    (ada, bea, _), _, _ = old
    answer = refound(ada, without=["Dan", "Eve"])
    with pytest.raises(NotFoundError, match="nothing that is founded anew"):
        refound(bea, id=answer["id"])
    meet(ada, bea)
    (row,) = bea.assembly.store.find(tables.Refounding)
    assert refound(bea, id=text_of(row.id)[:10])["id"] == answer["id"], "by the record's id, too"


class Forger:
    """Dan was never lost: he signs foundings, good ones and bad ones, and seals Bea a key."""

    def __init__(self, old):
        (ada, self.bea, cy), (self.dan, eve), _ = old
        self.context = self.bea
        self.members = [ada.me, self.bea.me, self.dan.member.public]

    def genesis(self, **changed):
        bea = self.bea.assembly
        body = refounding.genesis_for(bea, bea.known.head, self.members, bytes(16))
        return replace(body, **changed)

    def publish(self, genesis: Genesis, author: Author | None = None, signer: Author | None = None, **changed):
        author = author or self.dan
        record = signed_genesis(genesis, (signer or author).device, self.bea.assembly.world)
        plain = refounding_plain(self.bea.assembly.id, record.id, bytes(32))
        keys = self.bea.assembly.keys
        boxes = changed.get("boxes", ((keys.device.public, seal(keys.sealing.public, plain)),))
        parts = record.header, changed.get("signature", record.signature), record.body
        written = author.write(Kind.REFOUNDING, Refounding(parts, boxes))
        give(self.bea.assembly, written)
        return written, record

    def why(self, written):
        """Why a record has no effect at all."""
        rows = self.bea.assembly.store.find(tables.NoEffect, id=written.id)
        return rows[0].reason if rows else None


@pytest.fixture
def dan(old):
    return Forger(old)


def test_a_founding_by_anybody_who_is_a_member_is_confirmed(dan, opened):
    written, record = dan.publish(dan.genesis())
    assert dan.why(written) is None
    answer = refound(dan.bea, id=text_of(record.id))
    fresh = new_of(dan.bea, answer, opened)
    assert fresh.state().members == set(dan.members)


def test_a_genesis_that_names_another_assembly_has_no_effect(dan):
    origin = dan.genesis().origin
    for other in (None, origin._replace(assembly=b"o" * 32)):
        written, record = dan.publish(dan.genesis(origin=other))
        assert "does not name this assembly" in dan.why(written)
        with pytest.raises(NotFoundError):
            refound(dan.bea, id=text_of(record.id))
    assert lines(dan.bea) == []


def test_a_genesis_with_a_bad_signature_has_no_effect(dan):
    written, _ = dan.publish(dan.genesis(), signature=b"x" * 64)
    assert "not signed" in dan.why(written)


def test_a_genesis_of_another_device_has_no_effect(dan, old):
    written, _ = dan.publish(dan.genesis(), signer=old[1][1])
    assert "another device" in dan.why(written)


def test_a_genesis_without_its_author_has_no_effect(dan):
    written, _ = dan.publish(dan.genesis(founders=tuple(sorted(dan.members[:2]))))
    assert "its author is not among the founders" in dan.why(written)


def test_a_genesis_that_is_none_has_no_effect(dan):
    keys = dan.bea.assembly.keys
    for parts in ((b"x", bytes(64), b"y"), (dan.dan.history[0].header, bytes(64), dan.dan.history[0].body)):
        written = dan.dan.write(Kind.REFOUNDING, Refounding(parts, ((keys.device.public, b"box"),)))
        give(dan.bea.assembly, written)
        assert "its genesis is" in dan.why(written)


def test_a_reader_who_is_left_out_is_told(dan):
    dan.members = [each for each in dan.members if each != dan.bea.me]
    _, record = dan.publish(dan.genesis())
    (line,) = lines(dan.bea)
    assert "you" in line
    assert "confirms" not in line
    with pytest.raises(NodeError, match="without you"):
        refound(dan.bea, id=text_of(record.id))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda g: {"policies": g.policies[1:]}, "rules or witnesses"),
        (lambda g: {"name": "Bakery"}, "rules or witnesses"),
        (lambda g: {"witnesses": g.witnesses[:1]}, "rules or witnesses"),
        (lambda g: {"rules": 9}, "rules or witnesses"),
        (lambda g: {"founders": tuple(sorted([*g.founders, b"m" * 32]))}, "not some of the members"),
        (lambda g: {"origin": g.origin._replace(charter="Dan decides.")}, "rules or witnesses"),
        (lambda g: {"origin": g.origin._replace(roster=b"r" * 32)}, "has not arrived here"),
    ],
)
def test_a_founding_that_is_not_what_it_says_is_not_confirmed(dan, changed, why):
    genesis = dan.genesis()
    _, record = dan.publish(replace(genesis, **changed(genesis)))
    (line,) = lines(dan.bea)
    assert "this can't be confirmed" in line
    assert why in line
    with pytest.raises(NodeError, match=why):
        refound(dan.bea, id=text_of(record.id))
    assert len(assemblies(dan.bea.assembly.folder.parent)) == 1


def test_a_founding_with_everybody_is_not_confirmed(dan):
    dan.members = sorted(dan.bea.state().members)
    _, record = dan.publish(dan.genesis())
    with pytest.raises(NodeError, match="not some of the members"):
        refound(dan.bea, id=text_of(record.id))


def test_who_was_put_out_founds_nothing_that_is_told(dan, old):
    (ada, bea, cy), (_, eve), _ = old
    motion = eve.remove(bea.standing().head, dan.dan.member.public)
    give(bea.assembly, motion, eve.ballot(motion.id))
    meet(ada, bea, cy)
    for each in (ada, bea, cy):
        voting.vote(each, {"id": text_of(motion.id), "choices": ["yes"]})
    meet(ada, bea, cy)
    genesis = dan.genesis()  # by the roster of now, in which he is not
    _, record = dan.publish(genesis)
    assert lines(bea) == []
    with pytest.raises(NodeError, match="is no member here"):
        refound(bea, id=text_of(record.id))


def test_a_revoked_device_founds_nothing_that_is_told(dan, old):
    (ada, bea, cy), (author, eve), _ = old
    body = Revocation(
        member=author.member.public, device=author.device.public, good=(1, 0, 0), roster=bea.standing().head
    )
    body = body.signed_by(author.member, bea.assembly.id)
    other = Author(bea.assembly.id, "Dan", 99, member=author.member)
    other.certify()
    other.write(Kind.REVOCATION, body)
    give(bea.assembly, *other.history)
    refound(bea, without=["Eve"])  # it pins a roster with the revocation in it
    assert author.device.public in bea.state().revoked
    _, record = dan.publish(dan.genesis())
    with pytest.raises(NodeError, match="their device was revoked"):
        refound(bea, id=text_of(record.id))


def test_a_device_that_may_only_vote_founds_nothing(dan, old):
    phone = Author(dan.bea.assembly.id, "Dan", 98, member=old[1][0].member)
    give(dan.bea.assembly, phone.certify(scope=1))
    written, _ = dan.publish(dan.genesis(), author=phone)
    assert "may not found" in dan.why(written)


@pytest.mark.parametrize("box", ["none", "garbage", "for another assembly", "too long"])
def test_a_key_that_is_not_for_this_device_is_not_taken(dan, box):
    keys = dan.bea.assembly.keys
    genesis = dan.genesis()
    record = signed_genesis(genesis, dan.dan.device, dan.bea.assembly.world)
    plain = refounding_plain(dan.bea.assembly.id, b"o" * 32, bytes(32))
    if box == "too long":
        plain = refounding_plain(dan.bea.assembly.id, record.id, bytes(33))
    boxes = {
        "none": ((b"d" * 32, b"sealed"),),
        "garbage": ((keys.device.public, b"garbage"),),
    }.get(box, ((keys.device.public, seal(keys.sealing.public, plain)),))
    written = dan.dan.write(Kind.REFOUNDING, Refounding((record.header, record.signature, record.body), boxes))
    give(dan.bea.assembly, written)
    with pytest.raises(NodeError, match="not sealed to this device"):
        refound(dan.bea, id=text_of(record.id))
    assert len(assemblies(dan.bea.assembly.folder.parent)) == 1
