"""Sticks: idempotent, pulled at any moment, flipped anywhere, forged, and joining by hand."""

import errno
import os
import random
import re
import shutil
from dataclasses import replace

import pytest

from meshd.assembly import survey
from meshd.assembly.access import newest_first
from meshd.assembly.assembly import role_of
from meshd.errors import NodeError
from meshd.founding.opening import open_assembly
from meshd.home import KEYS
from meshd.service import carry, membership, proposing, rosters, status, talk, voting
from meshd.service.context import Context
from meshd.sneakernet import collecting, media
from meshd.sneakernet.export import Narrow, export_file, export_stick
from meshd.sneakernet.import_ import import_file, import_stick
from meshd.sneakernet.stick import open_stick, write_visit
from meshd.store import tables
from meshd_crypto.hashing import digest
from meshd_protocol import bundle, contexts, limits
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.encoding import decode
from meshd_protocol.errors import BadBundleError
from meshd_protocol.names import text_of
from meshd_protocol.records import encode_record
from tests.seeds import seeds
from tests.worlds import Clock, commune, exchange, founder, give, newcomer, propose, state_of


def run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def put(assembly, stick, **narrow):
    return run(export_stick(assembly, stick, Narrow(**narrow)))


def take(assembly, stick):
    return run(import_stick(assembly, stick))


@pytest.fixture
def stick(tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def three(tmp_path):
    """Three nodes that never met on a network, each with something to tell, and two members who only sign."""
    assemblies, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=3)
    for n, assembly in enumerate(assemblies):
        propose(Context(assembly), f"Question {n}")
        talk.say(Context(assembly), {"text": f"Words {n}"})
    yield assemblies, authors
    for assembly in assemblies:
        assembly.close()


def _digests(*assemblies):
    return {survey.digest(assembly) for assembly in assemblies}


def _files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_stick_brings_strangers_together(three, stick):
    (ada, bea, cy), _ = three
    for assembly in (ada, bea, cy):
        take(assembly, stick) if (stick / "meshd").exists() else None
        put(assembly, stick)
    for assembly in (ada, bea):
        take(assembly, stick)
    assert len(_digests(ada, bea, cy)) == 1


def test_a_second_export_writes_nothing(three, stick):
    (ada, bea, _), _ = three
    first = put(ada, stick)
    assert (first.segments, first.records) == (1, 4)
    before = _files(stick)
    again = put(ada, stick)
    assert (again.segments, again.records) == (0, 0)
    assert _files(stick) == before
    take(bea, stick)
    put(bea, stick)
    assert put(ada, stick).segments == 0
    assert take(bea, stick).segments == 0


def test_only_what_visitors_lack_goes_onto_the_stick(three, stick):
    (ada, bea, _), _ = three
    put(ada, stick)
    take(bea, stick)
    put(bea, stick)
    take(ada, stick)
    propose(Context(ada), "One more")
    assert put(ada, stick).records == 1
    assert take(bea, stick).records == 1
    assert len(_digests(ada, bea)) == 1


def test_forked_chains_travel_whole(three, stick):
    (ada, bea, _), (dan, _) = three
    question = propose(Context(ada), "Forked")
    certificate = dan.certify()
    twin = dan.fork()
    give(ada, certificate, dan.ballot(question), dan.ballot(b"x" * 32))
    give(bea, certificate, twin.ballot(question, Say.NO))
    put(ada, stick)
    take(bea, stick)
    put(bea, stick)
    take(ada, stick)
    assert len(_digests(ada, bea)) == 1
    assert state_of(Context(bea), question)["counts"]["yes"] == 1
    assert put(bea, stick).segments == 0
    assert take(ada, stick).segments == 0


def _protected(*_):
    raise media.MediaError("cannot write", "It is write-protected.")


def test_every_flipped_byte_of_a_segment_loses_that_segment_alone(three, stick, tmp_path, monkeypatch):
    (ada, bea, _), _ = three
    put(ada, stick)
    propose(Context(ada), "In a second segment")
    put(ada, stick)
    names = sorted((stick / "meshd").glob("*/segments/*"), key=lambda path: path.stat().st_size)
    small = names[0]
    good = small.read_bytes()
    before = _digests(bea)
    for at in range(0, len(good), max(1, len(good) // 40)):
        small.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(stick, copy)
        names[1:] and [path.unlink() for path in (copy / "meshd").glob("*/segments/*") if path.name == names[1].name]
        taken = take(bea, copy)
        assert small.name in taken.damaged
        assert taken.records == 0
    assert _digests(bea) == before
    shutil.copytree(stick, tmp_path / "again")
    with monkeypatch.context() as patch:
        patch.setattr(media, "write_file", _protected)
        shut = take(bea, tmp_path / "again")
    assert (len(shut.damaged), shut.taken_off) == (1, False)
    assert list((tmp_path / "again").rglob(small.name)), "it is still there"
    taken = take(bea, stick)
    assert (len(taken.damaged), taken.taken_off) == (1, True)
    assert not small.exists(), "a damaged segment is taken off the stick"
    assert put(ada, stick).records == 1, "and is written anew at the next visit"
    take(bea, stick)
    assert (
        state_of(Context(bea), next(iter(ada.store.find(tables.Proposal, newest=True))).id)["title"]
        == "In a second segment"
    )


@pytest.mark.parametrize("which", ["manifest-a", "manifest-b", "both"])
def test_damaged_manifests_lose_nothing(three, stick, which):
    (ada, bea, _), _ = three
    put(ada, stick)
    propose(Context(ada), "Later")
    put(ada, stick)
    (folder,) = (stick / "meshd").iterdir()
    for name in ("manifest-a", "manifest-b"):
        if which in (name, "both"):
            data = (folder / name).read_bytes()
            (folder / name).write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    taken = take(bea, stick)
    assert taken.records == 4
    assert not taken.damaged
    put(bea, stick)
    assert take(ada, stick).records > 0


def test_a_damaged_manifest_costs_nobody_s_segments(three, stick):
    """The newest manifest is damaged: whoever exports next keeps the segments that only it had listed."""
    (ada, bea, cy), _ = three
    put(ada, stick)
    take(bea, stick)
    put(bea, stick)
    (folder,) = (stick / "meshd").iterdir()
    newest = max((folder / name for name in media.MANIFESTS), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(b"damaged")
    propose(Context(ada), "After the damage")
    put(ada, stick)
    take(cy, stick)
    assert {row.title for row in cy.store.find(tables.Proposal)} >= {"Question 0", "Question 1", "After the damage"}


@pytest.mark.parametrize("moment", range(40))
def test_interrupted_at_every_write_and_rename(three, stick, monkeypatch, moment):
    """A stick pulled, or a process killed, at any step: what was good stays good, and the next export mends the rest."""
    (ada, bea, _), _ = three
    put(ada, stick)
    take(bea, stick)
    propose(Context(ada), "Under way")
    talk.say(Context(ada), {"text": "more"})
    left = moment

    class Pulled(BaseException):
        pass

    def stepping(real):
        def step(*arguments, **named):
            nonlocal left
            if left == 0:
                raise Pulled
            left -= 1
            return real(*arguments, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", stepping(os.fsync))
        patch.setattr(media.Path, "replace", stepping(media.Path.replace))
        patch.setattr(media, "sync_folder", stepping(media.sync_folder))
        try:
            put(ada, stick)
        except Pulled:
            pass
    taken = take(bea, stick)
    assert not taken.damaged
    put(ada, stick)
    take(bea, stick)
    assert len(_digests(ada, bea)) in (1, 2)
    assert {row.title for row in bea.store.find(tables.Proposal)} >= {"Under way", "Question 0"}
    assert not list(stick.rglob("*.part"))


def test_links_folders_and_foreign_names_are_not_read(three, stick, tmp_path):
    (ada, bea, _), _ = three
    put(ada, stick)
    (folder,) = (stick / "meshd").iterdir()
    secret = tmp_path / "secret"
    secret.write_text("not for sticks")
    (segment,) = (folder / "segments").iterdir()
    moved = tmp_path / segment.name
    segment.rename(moved)
    segment.symlink_to(moved)
    (folder / "segments" / "evil").symlink_to(secret)
    (folder / "segments" / ("a" * 52)).mkdir()
    os.mkfifo(folder / "segments" / ("b" * 52))
    taken = take(bea, stick)
    assert taken.records == 0
    assert segment.name in taken.damaged
    assert secret.read_text() == "not for sticks"
    assert moved.exists()


def test_a_folder_that_is_a_link_is_not_followed(three, stick, tmp_path):
    (ada, bea, _), _ = three
    put(ada, stick)
    (folder,) = (stick / "meshd").iterdir()
    folder.rename(tmp_path / folder.name)
    folder.symlink_to(tmp_path / folder.name)
    with pytest.raises(NodeError, match="nothing of this assembly"):
        take(bea, stick)


def test_a_bundle_of_another_assembly_is_refused(three, stick, tmp_path):
    (ada, _, _), _ = three
    zoe = founder(tmp_path / "zoe", seed=9).assembly
    put(zoe, stick)
    before = _digests(ada)
    with pytest.raises(NodeError, match="nothing of this assembly"):
        take(ada, stick)
    run(export_file(zoe, tmp_path / "zoe.meshd", Narrow()))
    with pytest.raises(NodeError, match="can't be read with the network keys that this node has"):
        run(import_file(ada, tmp_path / "zoe.meshd"))
    assert _digests(ada) == before
    zoe.close()


def test_a_finder_learns_nothing(three, stick):
    (ada, _, _), _ = three
    put(ada, stick)
    everything = b"".join(_files(stick).values()) + "".join(map(str, _files(stick))).encode()
    for telling in (b"Ada", b"Commune", b"Question", ada.id, ada.keys.device.public, ada.keys.member_public):
        assert telling not in everything
    assert ada.id.hex().encode() not in everything


def test_a_single_file_carries_everything(three, tmp_path):
    (ada, bea, _), _ = three
    path = tmp_path / "out.meshd"
    assert run(export_file(ada, path, Narrow())).records == 4
    assert run(import_file(bea, path)).records == 3
    assert run(import_file(bea, path)).records == 0
    data = path.read_bytes()
    for bad in (b"", b"nonsense", data[:13], data[:40]):
        path.write_bytes(bad)
        with pytest.raises(NodeError):
            run(import_file(bea, path))
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(NodeError):
        run(import_file(bea, path))


def _steps(work):
    """The result of a piece of work, and in how many steps it came."""
    steps = 0
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value, steps
        steps += 1


@pytest.mark.parametrize("size", [0, 1, bundle.SEGMENT_LEAST - 1, limits.SEGMENT_BYTES + 1, 2**32 - 1])
def test_a_length_that_no_part_has_ends_a_file(three, tmp_path, size):
    """However much comes after it, a good part among it, too: nobody knows where the next one begins."""
    (ada, bea, cy), _ = three
    path, other = tmp_path / "out.meshd", tmp_path / "other.meshd"
    run(export_file(ada, path, Narrow()))
    run(export_file(cy, other, Narrow()))
    rest = other.read_bytes()[len(bundle.FILE_MAGIC) :]
    path.write_bytes(path.read_bytes() + size.to_bytes(4, "big") * 1000 + rest)
    taken, steps = _steps(import_file(bea, path))
    assert (taken.records, taken.segments, taken.damaged_parts, steps) == (3, 2, 1, 2)
    assert survey.weigh(bea, [survey.Span((cy.keys.device.public, 0), 0, survey.END)]) == (0, 0)


@pytest.mark.parametrize("size", [bundle.SEGMENT_LEAST, 1000])
@pytest.mark.parametrize("what", ["damaged", "under no key of ours"])
def test_parts_of_a_file_that_can_t_be_read_are_counted_with_rests_between(three, tmp_path, what, size):
    (ada, bea, cy), _ = three
    path, other = tmp_path / "out.meshd", tmp_path / "other.meshd"
    run(export_file(ada, path, Narrow()))
    run(export_file(cy, other, Narrow()))
    rest = other.read_bytes()[len(bundle.FILE_MAGIC) :]
    name = bundle.key_name(newest_first(ada)[0].secret) if what == "damaged" else b""
    bad = size.to_bytes(4, "big") + name.ljust(size, b"\0")
    path.write_bytes(path.read_bytes() + bad * 100 + rest)
    taken, steps = _steps(import_file(bea, path))
    counts = (100, 0) if what == "damaged" else (0, 100)
    assert (taken.records, taken.damaged_parts, taken.unreadable) == (6, *counts)
    assert steps == taken.segments == 102, "whoever runs it may do something else after each part"
    path.write_bytes(bundle.FILE_MAGIC + rest + bad * (limits.SEGMENTS + 1000))
    taken, steps = _steps(import_file(bea, path))
    assert (taken.damaged_parts + taken.unreadable, steps) == (limits.SEGMENTS, taken.segments)
    assert taken.segments == limits.SEGMENTS + 1


@pytest.mark.parametrize("whole", [True, False], ids=["all of a chain", "its end"])
def test_what_no_manifest_lists_stays_on_a_stick_until_all_of_it_is_in_the_log(three, stick, whole):
    (ada, _, cy), _ = three
    for text in ("one", "two"):
        talk.say(Context(cy), {"text": text})
    chain = cy.store.span(cy.door.chain((cy.keys.device.public, 1)).number, 0 if whole else 1, 2)
    put(ada, stick)
    (segments,) = (stick / "meshd").glob("*/segments")
    secret = newest_first(ada)[0].secret
    records = [encode_record(each.header, each.signature, each.body) for each in chain]
    data = bundle.write_segment(secret, ada.id, records, ada.world.entropy)
    (segments / text_of(digest(data))).write_bytes(data)
    put(ada, stick)
    assert (segments / text_of(digest(data))).exists() is not whole
    assert len(ada.store.find(tables.Message)) == (3 if whole else 1), "with her own"


def test_damaged_segments_of_a_stick_have_rests_between(three, stick):
    (ada, bea, _), _ = three
    put(ada, stick)
    (segments,) = (stick / "meshd").glob("*/segments")
    for number in range(50):
        (segments / text_of(digest(bytes([number])))).write_bytes(b"nonsense")
    taken, steps = _steps(import_stick(bea, stick))
    assert (len(taken.damaged), taken.segments, steps) == (50, 1, 51)


@pytest.mark.parametrize("size", [0, 1])
def test_a_segment_of_nothings_is_damaged(three, size):
    """By somebody who has the key: it must not become a million records, each of which is refused with a reason."""
    (ada, _, _), _ = three
    secret = ada.keys.network[0].secret
    for count in (limits.SEGMENT_RECORDS, limits.SEGMENT_RECORDS + 1):
        data = bundle.write_segment(secret, ada.id, [bytes(size)] * count, ada.world.entropy)
        if count <= limits.SEGMENT_RECORDS:
            assert len(bundle.read_segment([secret], ada.id, data)) == count
        else:
            with pytest.raises(BadBundleError, match="more records"):
                bundle.read_segment([secret], ada.id, data)


def test_narrowed_exports(three, stick, tmp_path):
    (ada, bea, cy), _ = three
    put(ada, stick, decisions_only=True)
    take(bea, stick)
    assert {row.text for row in bea.store.find(tables.Message)} == {"Words 1"}
    put(ada, stick)
    take(bea, stick)
    assert {row.text for row in bea.store.find(tables.Message)} == {"Words 0", "Words 1"}
    later = tmp_path / "later"
    later.mkdir()
    assert put(ada, later, since_ms=2**50).records == 0
    other = tmp_path / "other"
    other.mkdir()
    exchange(ada, bea, cy)
    put(ada, other)
    take(cy, other)
    propose(Context(ada), "For Bea and Cy")
    assert put(ada, other, devices=frozenset({cy.keys.device.public})).records == 1


def test_who_exports_for_somebody_who_left_is_told_that_they_can_t_read_it(three, stick):
    (ada, bea, cy), _ = three
    exchange(ada, bea)
    assert run(carry.export(Context(ada), {"path": str(stick), "to": "Bea"}))["out"] is None
    rosters.leave(Context(bea), {})
    for number in range(2):  # it takes effect as another member writes
        exchange(ada, bea, cy)
        proposing.propose(Context(ada), {"title": f"Without Bea {number}", "policy": "significant"})
    assert role_of(ada, bea.keys.member_public) == "removed"
    assert run(carry.export(Context(ada), {"path": str(stick), "to": "Bea"}))["out"].startswith("Bea")


def test_what_waits_is_told(three, tmp_path):
    """A narrowed export leaves gaps; what comes after them waits for the rest, and the person is told."""
    (ada, bea, _), _ = three
    ada.world.clock.now_ms += 10_000_000
    propose(Context(ada), "Much later")
    path = tmp_path / "late.meshd"
    run(export_file(ada, path, Narrow(since_ms=ada.world.clock.now_ms - 1_000_000)))
    taken = run(import_file(bea, path))
    assert (taken.records, taken.waiting) == (0, 1)


def test_joining_by_stick_alone(tmp_path, stick):
    """An application carried out, the sealed answer carried back, and the log with it."""
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    assert put(bea.assembly, stick).answers == 1
    (folder,) = (stick / "meshd" / "join").iterdir()
    application = (folder / "application").read_bytes()
    put(bea.assembly, stick)
    assert (folder / "application").read_bytes() == application
    with pytest.raises(NodeError, match="no answer"):
        take(bea.assembly, stick)
    put(ada.assembly, stick)
    assert take(ada.assembly, stick).records == 2
    membership.vouch(ada.context, {"person": "Bea"})
    membership.admit(ada.context, {"people": ["Bea"]})
    assert put(ada.assembly, stick).answers == 1
    take(bea.assembly, stick)
    assert bea.assembly.keys.ticket is None
    assert [row["role"] for row in membership.members(bea.context, {})] == ["member", "member"]
    put(bea.assembly, stick)
    take(ada.assembly, stick)
    assert len(_digests(ada.assembly, bea.assembly)) == 1
    for each in (ada, bea):
        assert (each.assembly.folder / KEYS).exists()
        each.assembly.close()


def test_a_withdrawn_invitation_lets_no_application_in(tmp_path, stick):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    put(bea.assembly, stick)
    put(ada.assembly, stick)
    membership.invite(ada.context, {"withdraw": True})
    assert take(ada.assembly, stick).records == 0
    assert ada.assembly.store.count(tables.Application) == 0
    for each in (ada, bea):
        each.assembly.close()


def test_a_forged_application_and_answer_change_nothing(tmp_path, stick):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    put(bea.assembly, stick)
    (folder,) = (stick / "meshd" / "join").iterdir()
    data = (folder / "application").read_bytes()
    put(ada.assembly, stick)
    for bad in (b"", data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:]):
        (folder / "application").write_bytes(bad)
        assert take(ada.assembly, stick).records == 0
        (folder / "answer").write_bytes(bad)
        with pytest.raises(NodeError):
            take(bea.assembly, stick)
    for each in (ada, bea):
        each.assembly.close()


def test_a_welcome_that_travels_alone_has_its_own_signature_checked(tmp_path, stick):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    put(bea.assembly, stick)
    put(ada.assembly, stick)
    take(ada.assembly, stick)
    membership.vouch(ada.context, {"person": "Bea"})
    put(ada.assembly, stick)
    (folder,) = (stick / "meshd" / "join").iterdir()
    good = (folder / "answer").read_bytes()
    ticket = bea.assembly.keys.ticket
    context = (contexts.JOIN_ANSWER, ticket.psk, bea.assembly.id)
    (record,) = bundle.read_join(*context, good)
    header, _, body = decode(record)
    forged = encode_record(header, bytes(64), body)
    (folder / "answer").write_bytes(bundle.write_join(*context, [forged], ada.assembly.world.entropy))
    with pytest.raises(NodeError, match="no answer"):
        take(bea.assembly, stick)
    (folder / "answer").write_bytes(good)
    take(bea.assembly, stick)
    assert bea.assembly.keys.network == ada.assembly.keys.network
    for each in (ada, bea):
        each.assembly.close()


@pytest.mark.parametrize(("counter", "good"), [(5, True), (2**52 - 1, True), (2**52, False), (2**53 - 1, False)])
def test_nobody_makes_the_next_manifest_impossible(tmp_path, counter, good):
    ada = founder(tmp_path).assembly
    secret = ada.keys.network[0].secret
    data = bundle.write_manifest(secret, ada.id, bundle.Manifest(counter, (), {}), ada.keys.device, ada.world.entropy)
    if good:
        assert bundle.read_manifest([secret], ada.id, data).counter == counter
    else:
        with pytest.raises(BadBundleError):
            bundle.read_manifest([secret], ada.id, data)
    ada.close()


def test_bundle_bytes():
    records = [b"one", b"", b"three" * 100]
    assert list(bundle.unpack(bundle.pack(records))) == records
    for bad in (b"\x00", b"\x00\x00\x00\x05ab", b"\xff\xff\xff\xff"):
        with pytest.raises(BadBundleError):
            list(bundle.unpack(bad))


def test_a_stick_that_cannot_be_written_says_so(three, tmp_path):
    (ada, _, _), _ = three
    with pytest.raises(NodeError, match="no folder"):
        put(ada, tmp_path / "nowhere")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "meshd").write_text("a file in the way")
    with pytest.raises(media.MediaError, match="is no folder") as told:
        put(ada, blocked)
    assert "another stick" in told.value.hint
    (blocked / "meshd").unlink()
    (blocked / "meshd").symlink_to(tmp_path / "nowhere")
    with pytest.raises(media.MediaError, match="a link: nothing is written through it"):
        put(ada, blocked)


def test_a_stick_is_written_where_this_machine_has_no_room(three, tmp_path):
    """What somebody wrote gets away from a full disk, though nothing new comes in."""
    (ada, bea, _), _ = three
    stick = tmp_path / "stick"
    stick.mkdir()
    propose(Context(bea), "Of Bea")
    put(bea, stick)
    question = propose(Context(ada), "Of Ada")
    ada.world = replace(ada.world, free_disk=lambda _: limits.FREE_DISK_OWN)
    done = run(carry.stick(Context(ada), {"path": str(stick)}))
    assert done["read"] is None
    assert "nearly full" in done["problem"]
    assert done["written"]["records"] > 0
    assert any("nothing is taken from others" in each for each in status.status(Context(ada), {})["pending"])
    ada.world = replace(ada.world, free_disk=lambda _: 0)
    assert any("nothing new is written" in each for each in status.status(Context(ada), {})["pending"])
    take(bea, stick)
    assert bea.store.known([question])


@pytest.fixture
def both(tmp_path):
    """Two who are all there is: both have a node and have met."""
    (ada, bea), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(ada, bea)
    yield ada, bea
    for assembly in (ada, bea):
        assembly.close()


def _segments(stick):
    return sorted(path.name for path in stick.glob("meshd/*/segments/*"))


def visit(assembly, stick):
    return run(carry.stick(Context(assembly), {"path": str(stick)}))


def test_a_stick_that_goes_back_and_forth_does_not_fill_up(both, stick):
    ada, bea = both
    assert visit(ada, stick)["read"] is None, "there was nothing to read yet"
    for n in range(8):
        propose(Context(ada), f"From Ada {n}")
        assert visit(ada, stick)["written"]["records"] >= 1
        talk.say(Context(bea), {"text": f"From Bea {n}"})
        assert visit(bea, stick)["read"]["records"] == 1
        assert len(_segments(stick)) <= 2, "what both have is taken off"
    visit(ada, stick)
    assert len(_digests(ada, bea)) == 1
    visit(bea, stick)
    assert _segments(stick) == []
    again = visit(ada, stick)
    assert (again["read"]["records"], again["written"]["segments"]) == (0, 0)


def test_nothing_is_taken_off_while_somebody_has_not_visited(three, stick):
    (ada, bea, cy), _ = three
    for assembly in (ada, bea, ada, bea):
        visit(assembly, stick)
    visit(cy, stick)
    assert len(_digests(ada, bea)) == 1
    assert {row.title for row in cy.store.find(tables.Proposal)} >= {"Question 0", "Question 1"}


def test_who_comes_in_later_gets_all_from_a_stick_that_was_emptied(both, stick, tmp_path):
    ada, bea = both
    propose(Context(ada), "Old")
    for assembly in (ada, bea, ada):
        visit(assembly, stick)
    assert _segments(stick) == []
    made = newcomer(tmp_path, Context(ada), "Cy", seed=7)
    cy = made.assembly
    assert visit(cy, stick)["written"]["applicant"]
    assert visit(ada, stick)["read"]["applicants"]
    membership.vouch(Context(ada), {"person": "Cy"})
    for assembly in (ada, bea):
        visit(assembly, stick)
    membership.vouch(Context(bea), {"person": "Cy"})
    for assembly in (bea, cy, ada, bea):
        visit(assembly, stick)
    assert len(_digests(ada, bea, cy)) == 1
    assert "Old" in {row.title for row in cy.store.find(tables.Proposal)}
    cy.close()


def test_many_small_segments_become_few(both, stick, monkeypatch):
    ada, bea = both
    monkeypatch.setattr(collecting, "_CROWDED", 3)
    for n in range(5):
        propose(Context(ada), f"Question {n}")
        put(ada, stick)
    assert len(_segments(stick)) <= 2
    take(bea, stick)
    assert len(_digests(ada, bea)) == 1


def test_a_stick_that_is_pulled_is_told_as_such(three, stick, monkeypatch):
    (ada, bea, _), _ = three
    put(ada, stick)
    propose(Context(ada), "In a second segment")
    put(ada, stick)
    real, left = media.read_file, 4

    def pulled(path, most):
        nonlocal left
        left -= path.parent.name == media.SEGMENTS
        if left == 3 and path.parent.name == media.SEGMENTS:
            data = real(path, most)
            stick.rename(stick.with_name("away"))
            return data
        return real(path, most)

    with monkeypatch.context() as patch:
        patch.setattr(media, "read_file", pulled)
        with pytest.raises(media.MediaError, match="the stick was pulled"):
            take(bea, stick)
    stick.with_name("away").rename(stick)
    had = bea.store.count(tables.Kept)
    taken = take(bea, stick)
    assert (taken.segments, taken.damaged) == (1, []), "it goes on where it was"
    assert bea.store.count(tables.Kept) > had


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "write-protected"), (errno.EFBIG, "exFAT"), (errno.EIO, "broken")],
)
def test_why_a_stick_takes_nothing_is_said(three, stick, monkeypatch, number, hint):
    (ada, _, _), _ = three

    def refuse(_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(media.MediaError) as told:
            put(ada, stick)
    assert hint in told.value.hint
    assert not list(stick.rglob("*.part"))
    assert put(ada, stick).segments == 1


def test_a_manifest_that_claims_a_billion_records_costs_nothing(both, stick):
    ada, bea = both
    put(ada, stick)
    (folder,) = (stick / "meshd").iterdir()
    opened = open_stick(ada, folder)
    (info, *_) = opened.manifest.segments
    lie = info._replace(records=10**9, size=info.size)
    write_visit(ada, opened, opened.manifest._replace(segments=(lie,)))
    assert take(bea, stick).refused == 0
    assert len(_digests(ada, bea)) == 1


def test_a_home_that_was_copied_back_reads_its_own_records_before_it_writes(tmp_path, stick):
    (ada, bea), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    put(ada, stick)
    before = tmp_path / "before"
    ada.close()
    shutil.copytree(ada.folder, before)
    ada = open_assembly(ada.folder, "pw", ada.world)
    propose(Context(ada), "Written after the copy")
    put(ada, stick)
    ada.close()
    shutil.rmtree(ada.folder)
    shutil.copytree(before, ada.folder)
    copied = open_assembly(ada.folder, "pw", ada.world)
    answer = run(carry.export(Context(copied), {"path": str(stick)}))
    assert answer["twin"]
    with pytest.raises(NodeError, match="used elsewhere"):
        propose(Context(copied), "It would contradict itself")
    take(bea, stick)
    assert not any(chain.forked for chain in bea.store.find(tables.Chain))
    copied.close()
    bea.close()


def _check_fat_name(path):
    """What FAT32 and exFAT take, whichever of their readers looks at it."""
    name = path.name
    assert 0 < len(name) <= 255
    assert re.fullmatch(r"[a-zA-Z0-9._-]+", name), name
    assert name[-1] not in ". "
    assert name.split(".")[0].upper() not in {
        "CON",
        "PRN",
        "AUX",
        "NUL",
        *(f"{p}{n}" for p in ("COM", "LPT") for n in range(10)),
    }
    same = [each.name for each in path.parent.iterdir() if each.name.lower() == name.lower()]
    assert same in ([], [name]), "letters are the same there in either case"


@pytest.fixture
def fat(monkeypatch, stick):
    """A stick with the rules of FAT32 and exFAT: names, no links, no modes, no owners, 4 GiB a file."""
    real_open, real_mkdir, real_replace = os.open, media.Path.mkdir, media.Path.replace

    def on_it(path):
        return str(path).startswith(str(stick))

    def opens(path, flags, mode=0o777, **named):
        if flags & os.O_CREAT and on_it(path):
            _check_fat_name(media.Path(path))
        return real_open(path, flags, mode, **named)

    def mkdir(self, *arguments, **named):
        if on_it(self):
            _check_fat_name(self)
        return real_mkdir(self, *arguments, **named)

    def replace(self, target):
        if on_it(target):
            _check_fat_name(media.Path(target))
        return real_replace(self, target)

    def never(name):
        real = getattr(os, name)

        def refuse(path, *arguments, **named):
            if on_it(path):
                raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
            return real(path, *arguments, **named)

        monkeypatch.setattr(os, name, refuse)

    monkeypatch.setattr(os, "open", opens)
    monkeypatch.setattr(media.Path, "mkdir", mkdir)
    monkeypatch.setattr(media.Path, "replace", replace)
    for name in ("chmod", "chown", "symlink", "link", "mkfifo", "setxattr"):
        never(name)
    return stick


def test_a_stick_of_fat_takes_all_there_is(three, fat, tmp_path):
    """Segments, manifests, network keys after a removal, an application and its answer, and what a Pi writes."""
    (ada, bea, cy), (dan, eve) = three
    for each in (ada, bea, cy, ada, bea, cy):
        take(each, fat) if (fat / "meshd").exists() else None
        put(each, fat)
    give(ada, dan.certify(), eve.certify())
    motion = dan.remove(ada.known.head, eve.member.public)
    give(ada, motion, dan.ballot(motion.id))
    exchange(ada, bea, cy)
    for each in (bea, cy, ada):
        voting.vote(Context(each), {"id": text_of(motion.id), "choices": ["yes"]})
        exchange(ada, bea, cy)
    assert len(ada.keys.network) == 2, "a newer network key travels, too"
    zoe = newcomer(tmp_path, Context(ada), "Zoe", seed=33)
    put(zoe.assembly, fat)
    for each in (ada, bea):
        take(each, fat)
        membership.vouch(Context(each), {"person": "Zoe"})
        put(each, fat)
    take(zoe.assembly, fat)
    assert zoe.assembly.keys.network
    assert (next((fat / "meshd").glob("*/keys"))).is_dir()
    zoe.assembly.close()


@pytest.mark.parametrize("verb", ["stick", "export", "import_"])
def test_the_folder_that_was_made_on_a_stick_means_the_stick(three, stick, verb):
    (ada, bea, cy), _ = three
    put(ada, stick)
    own = stick / media.ROOT
    run(getattr(carry, verb)(Context(bea), {"path": str(own)}))
    assert not (own / media.ROOT).exists()
    if verb == "export":
        run(carry.stick(Context(cy), {"path": str(stick)}))
        assert "Question 1" in {row.title for row in cy.store.find(tables.Proposal)}
    else:
        assert "Question 0" in {row.title for row in bea.store.find(tables.Proposal)}


def test_a_folder_of_that_name_that_is_none_of_a_stick_is_a_place_like_others(three, stick):
    (ada, _, _), _ = three
    place = stick / media.ROOT
    place.mkdir()
    run(carry.export(Context(ada), {"path": str(place)}))
    assert (place / media.ROOT).is_dir()


@pytest.mark.parametrize("seed", seeds(4, always=1))
def test_ten_visitors_in_any_order(tmp_path, stick, seed):
    rng = random.Random(seed)
    names = [f"Person {n}" for n in range(10)]
    nodes, _ = commune(tmp_path, names, seed=seed + 1)
    for turn in range(30):
        node = rng.choice(nodes)
        if rng.random() < 0.5:
            talk.say(Context(node), {"text": f"words {turn}"})
        run(carry.stick(Context(node), {"path": str(stick)}))
    for _ in range(2):  # everybody once to bring it, and once to fetch it
        rng.shuffle(nodes)
        for node in nodes:
            answer = run(carry.stick(Context(node), {"path": str(stick)}))
            assert answer["read"]["damaged"] == 0
    assert len(_digests(*nodes)) == 1
    for node in nodes:
        node.close()


@pytest.mark.parametrize("seed", range(8))
def test_two_exporters_at_once_lose_nothing(three, stick, monkeypatch, seed):
    """Two machines that share a folder, say: whose manifest comes last holds, and the next visits mend the rest."""
    (ada, bea, cy), _ = three
    rng = random.Random(seed)
    monkeypatch.setattr("meshd.sneakernet.export.SEGMENT_ROOM", 1200)
    for n in range(8):
        propose(Context(ada), f"By Ada {n}")
        propose(Context(bea), f"By Bea {n}")
    running = [export_stick(each, stick, Narrow()) for each in (ada, bea)]
    while running:
        steps = rng.choice(running)
        try:
            next(steps)
        except StopIteration:
            running.remove(steps)
    take(cy, stick)
    for _ in range(2):
        for each in (ada, bea, cy):
            take(each, stick)
            put(each, stick)
    for each in (ada, bea, cy):
        assert take(each, stick).damaged == []
    assert len(_digests(ada, bea, cy)) == 1
