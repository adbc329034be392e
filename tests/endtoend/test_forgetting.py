"""Talk that goes: taken back by who said it, in whatever order things come; let go of here; and never back by itself."""

import itertools
import os
import random

import pytest

from meshd.assembly import reached, survey
from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.founding.opening import open_assembly
from meshd.progress import finish
from meshd.service import checking, forgetting, talk
from meshd.service.context import Context
from meshd.sneakernet.export import Narrow, export_stick
from meshd.sneakernet.import_ import import_stick
from meshd.store import tables
from meshd.store.api import DiskFullError
from meshd.store.sqlite import SqliteStore
from meshd.upkeep import recount
from meshd_protocol.bodies.membership import Revocation
from meshd_protocol.bodies.talk import Erasure, Message
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.records import wire
from tests.worlds import START_MS, Author, commune, exchange, give, newcomer, propose

SEEDS = int(os.environ.get("MESHD_SEEDS", "8"))
WORDS = "what nobody should have said"


def forget(assembly, **arguments):
    return finish(forgetting.forget(Context(assembly), arguments))


def texts(assembly):
    return [row["text"] for row in talk.read(Context(assembly), {})]


def is_gone(assembly, identity):
    kept = assembly.store.get(tables.Kept, id=identity)
    assert kept is not None, "the record stays"
    assert WORDS not in texts(assembly) or kept.body is not None
    return kept.body is None


def check(assembly):
    found = finish(checking.check(Context(assembly), {}))
    assert found["problems"] == []


@pytest.fixture
def two(tmp_path):
    """Two nodes, and two members who only sign."""
    assemblies, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2)
    exchange(*assemblies)
    yield assemblies, authors
    for each in assemblies:
        each.close()


def said(author, text=WORDS):
    return author.write(Kind.MESSAGE, Message(b"s" * 16, "general", text))


def test_a_message_goes_from_every_node_and_does_not_come_back(two, tmp_path):
    (ada, bea), _ = two
    stick = tmp_path / "stick"
    stick.mkdir()
    identity = bytes_of(talk.say(Context(ada), {"text": WORDS})["id"])
    finish(export_stick(ada, stick, Narrow()))
    exchange(ada, bea)
    before = survey.digest(bea)
    assert WORDS in texts(bea)
    answer = forget(ada, id=text_of(identity)[:10])
    assert answer["forgets"] == text_of(identity)
    assert is_gone(ada, identity)
    assert not is_gone(bea, identity)
    exchange(ada, bea)
    assert is_gone(bea, identity)
    assert survey.digest(bea) == survey.digest(ada) != before
    for each in (ada, bea):
        assert texts(each) == [None], "that it was taken back is told"
        assert survey.missing_bodies(each, 10) == [], "and nobody asks for it"
        assert finish(import_stick(each, stick)).records == 0
        assert is_gone(each, identity), "an old stick does not bring it back"
        check(each)
    with pytest.raises(NodeError, match="taken back already"):
        forget(ada, id=text_of(identity))


def test_a_letter_goes_too(two):
    (ada, bea), _ = two
    identity = bytes_of(talk.say(Context(ada), {"text": WORDS, "to": "Bea"})["id"])
    exchange(ada, bea)
    assert WORDS in texts(bea)
    assert [row["to"] for row in forget(ada)] == [ada.people.label(bea.keys.member_public)]
    forget(ada, id=text_of(identity))
    exchange(ada, bea)
    assert is_gone(bea, identity)
    check(bea)


@pytest.mark.parametrize("whose", ["the same device", "another of the same person", "somebody else", "nobody's"])
def test_in_whatever_order_they_come(two, whose):
    (_, bea), (cy, dan) = two
    again = Author(bea.id, "Cy", 99, member=cy.member)
    first, second, message = [cy.certify()], [again.certify()], said(cy)
    author = {"the same device": cy, "another of the same person": again, "somebody else": dan}.get(whose)
    author = author or Author(bea.id, "Nobody", 98)
    third = [dan.certify()] if author is dan else []
    erasure = author.write(Kind.ERASURE, Erasure(message.id))
    parts = [first, second, third, [message], [erasure]] if author is dan else [first, second, [message], [erasure]]
    good = whose in ("the same device", "another of the same person")
    for number, order in enumerate(itertools.permutations(parts)):
        (node,), _ = commune(bea.folder.parent / f"{number}", ["Ada", "Bea", "Cy", "Dan"], nodes=1)
        for part in order:
            give(node, *part)
        assert give(node, message).new == [] or author is cy
        give(node, message, erasure)
        assert is_gone(node, message.id) == good, order
        if number % 7 == 0:
            check(node)
        node.close()


def test_a_body_that_comes_later_is_not_taken(two):
    (_, bea), (cy, _) = two
    message = said(cy)
    give(bea, cy.certify(), message._replace(body=None))
    assert survey.missing_bodies(bea, 10) == [message.id]
    give(bea, cy.write(Kind.ERASURE, Erasure(message.id)))
    assert survey.missing_bodies(bea, 10) == []
    with bea.writing():
        assert not bea.door.fill(message.id, message.body)
    give(bea, message)
    assert is_gone(bea, message.id)
    check(bea)


def test_a_body_that_fills_a_gap_goes_at_once(two):
    """The erasure's author is known, the message's device is not, while the body is on its way."""
    (_, bea), (cy, _) = two
    again = Author(bea.id, "Cy", 99, member=cy.member)
    message = said(cy)
    give(bea, again.certify(), again.write(Kind.ERASURE, Erasure(message.id)), message._replace(body=None))
    with bea.writing() as report:
        assert bea.door.fill(message.id, message.body)
        report.filled.append(message.id)
    assert not is_gone(bea, message.id)
    give(bea, cy.certify())
    assert is_gone(bea, message.id)


def test_nothing_else_is_taken_back(two):
    (ada, bea), (cy, _) = two
    question = propose(Context(ada))
    exchange(ada, bea)
    certificate, ballot = cy.certify(), cy.ballot(question)
    give(ada, certificate, ballot, cy.write(Kind.ERASURE, Erasure(ballot.id)))
    kept = ada.store.get(tables.Kept, id=ballot.id)
    assert kept.body is not None, "no rule reads talk, and all else stays"
    with pytest.raises(NodeError, match="only messages and letters"):
        forget(ada, id=text_of(question))
    with pytest.raises(NotFoundError, match="no such message"):
        forget(ada, id="zzzz")
    identity = bytes_of(talk.say(Context(bea), {"text": WORDS})["id"])
    exchange(ada, bea)
    with pytest.raises(NodeError, match="somebody else said it"):
        forget(ada, id=text_of(identity))
    with pytest.raises(UsageError):
        forget(ada, id=text_of(identity), before=5)


def test_old_talk_goes_from_this_machine_alone(two, monkeypatch):
    (ada, bea), (cy, _) = two
    monkeypatch.setattr(forgetting, "_BATCH", 7)
    give(ada, cy.certify(), *[said(cy, f"old {n}") for n in range(40)])
    give(ada, cy.write(Kind.MESSAGE, Message(b"s" * 16, "general", "new"), time_ms=START_MS + 10**9))
    question = propose(Context(ada))
    before = survey.digest(ada)
    steps = forgetting.forget(Context(ada), {"before": START_MS + 10**8})
    next(steps)
    talk.say(Context(ada), {"text": "in between"})
    ada.store.count(tables.Message)
    assert finish(steps)["forgotten"] >= 40
    assert [text for text in texts(ada) if text != "in between"] == ["new"]
    assert survey.digest(ada) != before, "what was said in between is new; what is gone is still told of"
    check(ada)
    exchange(ada, bea)
    assert survey.digest(ada) == survey.digest(bea)
    assert question in {row.id for row in bea.store.find(tables.Proposal)}
    assert len(survey.missing_bodies(bea, 100)) >= 40, "who never had them asks whoever has"
    give(bea, *[record for record in cy.history if record.kind == Kind.MESSAGE])
    assert sum(text.startswith("old") for text in texts(bea) if text) == 40
    exchange(ada, bea)
    assert not any(text.startswith("old") for text in texts(ada) if text), "they don't come back"
    assert survey.missing_bodies(ada, 10) == []
    check(ada)
    recounted = finish(checking.check(Context(ada), {"rebuild": True}))
    assert recounted["problems"] == []
    assert survey.missing_bodies(ada, 10) == []
    check(ada)


def test_a_kill_between_two_steps_loses_nothing(two, monkeypatch):
    (ada, _), (cy, _) = two
    monkeypatch.setattr(forgetting, "_BATCH", 10)
    give(ada, cy.certify(), *[said(cy, f"old {n}") for n in range(40)])
    steps = forgetting.forget(Context(ada), {"before": START_MS * 2})
    next(steps)
    steps.close()
    ada.close()
    again = open_assembly(ada.folder, "pw", ada.world)
    assert 0 < again.store.count(tables.Message) < 40
    check(again)
    finish(forgetting.forget(Context(again), {"before": START_MS * 2}))
    assert again.store.count(tables.Message) == 0
    check(again)
    again.close()


def test_what_an_earlier_version_did_not_understand_is_done_at_the_first_start(two):
    (ada, _), (cy, _) = two
    message = said(cy)
    give(ada, cy.certify(), message)
    erasure = cy.write(Kind.ERASURE, Erasure(message.id))
    with ada.store.transaction():  # as a version did that knew no erasures: a record of a later one
        ada.door.accept([erasure], Waiting())
        ada.store.replace(tables.Setting("projections", "another"))
    assert not is_gone(ada, message.id)
    ada.close()
    again = open_assembly(ada.folder, "pw", ada.world)
    assert recount.is_current(again.store)
    assert is_gone(again, message.id)
    again.close()


def test_a_thief_takes_nothing_back_once_the_device_is_revoked(two):
    (ada, bea), (cy, _) = two
    stolen = Author(bea.id, "Cy", 99, member=cy.member)
    cy.certify()
    message, other = said(cy, "words that stay"), said(cy)
    before = [stolen.certify(), stolen.write(Kind.ERASURE, Erasure(other.id))]
    body = Revocation(member=cy.member.public, device=stolen.device.public, good=(1, 1, 0), roster=bea.known.head)
    revocation = cy.write(Kind.REVOCATION, body.signed_by(cy.member, bea.id))
    late = stolen.write(Kind.ERASURE, Erasure(message.id))
    own = stolen.write(Kind.MESSAGE, Message(b"s" * 16, "general", "by the thief"))
    give(bea, *cy.history, message, other, *before)
    assert is_gone(bea, other.id), "what went before stays away"
    give(bea, late, own, stolen.write(Kind.ERASURE, Erasure(own.id)))
    assert not is_gone(bea, message.id)
    assert not is_gone(bea, own.id)
    give(bea, revocation, message)
    check(bea)
    give(ada, *cy.history[:1], message, other, *before, late)
    assert is_gone(ada, message.id), "who does not know of the revocation yet has no way to tell"


def test_what_is_taken_back_leaves_the_journal_too(two):
    (ada, bea), (cy, _) = two
    give(bea, cy.certify(), said(cy))
    journal = bea.folder / "log.db-wal"
    talk.say(Context(bea), {"text": "more"})
    assert journal.stat().st_size > 0
    give(bea, cy.write(Kind.ERASURE, Erasure(cy.history[1].id)))
    assert journal.stat().st_size == 0
    talk.say(Context(bea), {"text": "again"})
    assert journal.stat().st_size > 0
    reached.carried(bea)
    finish(forgetting.forget(Context(bea), {"before": START_MS * 2}))
    assert journal.stat().st_size == 0


def test_a_journal_that_can_t_be_cut_keeps_nothing_back(two, monkeypatch):
    """On a disk that is full just then: what was committed is told to others all the same."""
    (_, bea), (cy, _) = two

    def full(_):
        raise DiskFullError("the disk is full")

    monkeypatch.setattr(SqliteStore, "cut_journal", full)
    give(bea, cy.certify(), said(cy))
    with bea.commits() as commits:
        give(bea, cy.write(Kind.ERASURE, Erasure(cy.history[1].id)))
    assert [len(report.new) for report in commits] == [1]
    assert is_gone(bea, cy.history[1].id)
    check(bea)


def test_a_newcomer_never_sees_it(two, tmp_path):
    (ada, _), _ = two
    identity = bytes_of(talk.say(Context(ada), {"text": WORDS})["id"])
    forget(ada, id=text_of(identity))
    zoe = newcomer(tmp_path, Context(ada), "Zoe", seed=7)
    exchange(ada, zoe.assembly)
    assert zoe.assembly.store.get(tables.Kept, id=identity).body is None
    assert survey.missing_bodies(zoe.assembly, 10) == []
    zoe.assembly.close()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_orders_come_to_the_same(two, tmp_path, seed):
    """Many messages, erasures by their authors and by others, copies with and without bodies, in two orders."""
    rng = random.Random(seed)
    (ada, _), (cy, dan) = two
    again = Author(ada.id, "Cy", 99, member=cy.member)
    people, records, meant = [cy, dan, again], [], {}
    parts = {each: [each.certify()] for each in people}
    for n in range(20):
        author = rng.choice(people)
        message = said(author, f"text {n}")
        parts[author].append(message)
        meant[message.id] = False
        records.append((author, message))
        by, (of, target) = rng.choice(people), rng.choice(records)
        if rng.random() < 0.5:
            parts[by].append(by.write(Kind.ERASURE, Erasure(target.id)))
            meant[target.id] = meant[target.id] or by is of or {by, of} == {cy, again}
    for number in range(2):
        nodes, _ = commune(tmp_path / str(number), ["Ada", "Bea", "Cy", "Dan"], nodes=1)
        everything = [record for part in parts.values() for record in part]
        waiting = Waiting()
        rng.shuffle(everything)
        while everything:
            many = rng.randrange(1, 6)
            some, everything = everything[:many], everything[many:]
            bare = [each._replace(body=None) if each.log == 1 and rng.random() < 0.2 else each for each in some]
            nodes[0].receive([wire(each) for each in bare], waiting)
        for part in parts.values():
            give(nodes[0], *part)
        for identity, gone in meant.items():
            assert (nodes[0].store.get(tables.Kept, id=identity).body is None) == gone
        check(nodes[0])
        nodes[0].close()
