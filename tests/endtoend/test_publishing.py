"""What an assembly publishes: who is named, what is held back, what a verifier sees through, and what is left alone."""

import datetime
import json

import pytest

from meshd.errors import NodeError
from meshd.service import (
    delegation,
    entering,
    haste,
    institutions,
    meetings,
    proposing,
    publishing,
    rosters,
    voting,
    witnessing,
)
from meshd.service.context import Context
from meshd_protocol import publication
from meshd_protocol.errors import BadPublicationError
from meshd_protocol.policies import DAY
from tests.worlds import Clock, commune, exchange

DAY_MS = 1000 * DAY


@pytest.fixture
def three(tmp_path):
    """Three people of a co-op, all witnesses, and their clock."""
    clock = Clock()
    nodes, _ = commune(tmp_path / "homes", ["Ada", "Bea", "Cy"], clock=clock, witnesses=3)
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    adopted = institutions.institutions(contexts[0], {"do": "adopt", "what": "co-op"})["id"]
    decide(contexts, adopted)
    yield contexts, clock
    for node in nodes:
        node.close()


def meet(contexts):
    exchange(*(each.assembly for each in contexts))


def decide(contexts, identity):
    meet(contexts)
    for each in contexts:
        row = each.proposal(identity)
        if each.assembly.store.get(proposing.tables.Ballot, proposal=row.id, member=each.me) is None:
            voting.vote(each, {"id": identity, "choices": ["yes"], "late": True})
    meet(contexts)


def text(contexts, title, **more):
    made = proposing.propose(contexts[0], {"title": title, "policy": "significant"} | more)["id"]
    decide(contexts, made)
    return made


def publish(context, folder):
    steps = publishing.publish(context, {"folder": str(folder)})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def verify(folder, of=None):
    def read(path, most):
        try:
            return (folder / path).read_bytes()[:most]
        except OSError:
            return None

    there = [str(each.relative_to(folder)) for each in folder.rglob("*") if not each.is_dir()]
    return publication.check(read, there, of)


def may_be_named(contexts, *answers):
    for each, may in zip(contexts, answers, strict=False):
        entering.entry(each, {"form": "named", "fields": [f"may={may}"]})
    meet(contexts)


def test_a_proof_is_published_once_all_whom_it_shows_may_be_named(three, tmp_path):
    contexts, clock = three
    ada = contexts[0]
    made = text(contexts, "<b>Buy</b> a cart & more", text="=1+1\nwith <script>")
    folder = tmp_path / "public"
    told = publish(ada, folder)
    assert (told["decisions"], told["verifiable"], told["held_back"]) == (2, 0, 2)
    assert list((folder / "proofs").iterdir()) == []
    found = verify(folder, ada.assembly.id)
    assert (found.verified, found.held_back, found.problems) == (0, 2, ())
    page = (folder / "decisions.html").read_text()
    assert "&lt;b&gt;Buy&lt;/b&gt; a cart &amp; more" in page
    assert "<script>" not in page
    assert "Bea" not in "".join(each.read_text() for each in folder.glob("*.*"))
    may_be_named(contexts, "yes", "yes", "yes")
    assert publish(ada, folder)["verifiable"] == 2
    found = verify(folder)
    assert (found.verified, found.held_back, found.problems) == (2, 0, ())
    assert (folder / "proofs" / f"{made}.proof").exists()
    before = {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    publish(contexts[1], tmp_path / "other")
    assert {each.relative_to(folder): data for each, data in before.items()} == {
        each.relative_to(tmp_path / "other"): each.read_bytes()
        for each in (tmp_path / "other").rglob("*")
        if each.is_file()
    }, "the same records, the same bytes"
    clock.now_ms += DAY_MS
    may_be_named(contexts, "no", "no", "no")  # whoever of them the proof shows: it has no more than a quorum
    publish(ada, folder)
    assert not (folder / "proofs" / f"{made}.proof").exists(), "who takes it back is shown no more"


def test_whoever_changes_a_page_a_table_or_a_proof_is_seen(three, tmp_path):
    contexts, _ = three
    ada = contexts[0]
    may_be_named(contexts, "yes", "yes", "yes")
    made = text(contexts, "Buy a cart")
    other = text(contexts, "Sell a cart")
    folder = tmp_path / "public"
    publish(ada, folder)
    proof = folder / "proofs" / f"{made}.proof"

    def problems(path, change):
        whole = path.read_bytes()
        path.write_bytes(change(whole))
        found = verify(folder).problems
        path.write_bytes(whole)
        assert verify(folder).problems == ()
        return found

    assert (
        "decisions.html does not say"
        in problems(folder / "decisions.html", lambda data: data.replace(b"Buy", b"Steal"))[0]
    )
    assert "decisions.csv does not say" in problems(folder / "decisions.csv", lambda data: data + b"x")[0]
    assert "not the one that was published" in problems(proof, lambda data: data[:-1])[0]
    foreign = (folder / "proofs" / f"{other}.proof").read_bytes()
    manifest = folder / "manifest.json"

    def rewritten(change):
        """A manifest that says something else, with pages that say it, too."""
        said = json.loads(manifest.read_text())
        change(said)
        kept = {path: (folder / path).read_bytes() for path, _ in publication.pages(said)}
        for path, data in publication.pages(said):
            (folder / path).write_bytes(data)
        found = verify(folder).problems
        for path, data in kept.items():
            (folder / path).write_bytes(data)
        return found

    def row(said):
        return next(each for each in said["decisions"] if each["id"] == made)

    assert "shows another text" in rewritten(lambda said: row(said).update(title="Steal a cart"))[0]
    assert "shows another text" in rewritten(lambda said: row(said).update(outcome="failed"))[0]
    assert "other figures" in rewritten(lambda said: row(said).update(fields={"whole": 9}))[0]
    assert "another day" in rewritten(lambda said: row(said).update(day="1999-01-01"))[0]
    assert "another day" in rewritten(lambda said: row(said).update(time_ms=0, day="1970-01-01"))[0]
    swapped = proof.read_bytes()
    proof.write_bytes(foreign)
    assert (
        "of something else"
        in rewritten(lambda said: row(said).update(hash=publication.hash_of(foreign), bytes=len(foreign)))[0]
    )
    proof.write_bytes(swapped)
    assert verify(folder).problems == ()
    proof.unlink()
    assert "its proof is missing" in verify(folder).problems[0]
    proof.write_bytes(swapped)
    (folder / "more.html").write_text("<h1>Come to my bank</h1>")
    assert "more.html is no part" in verify(folder).problems[0]
    with pytest.raises(BadPublicationError, match="another assembly"):
        verify(folder, b"x" * 32)


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{", b"[]", b"{}", b'{"layout": 2}', b'{"layout": 1}', b"\xff", b"[" * 100_000,
        b'{"layout": 1.0}', b'{"layout": NaN}',
    ],
)  # fmt: skip
def test_what_was_never_published_is_told_so(tmp_path, said):
    (tmp_path / "manifest.json").write_bytes(said)
    with pytest.raises(BadPublicationError):
        verify(tmp_path)


def test_a_list_with_something_of_the_wrong_kind_is_refused(three, tmp_path):
    contexts, _ = three
    text(contexts, "Buy a cart")
    publish(contexts[0], tmp_path / "public")
    whole = json.loads((tmp_path / "public" / "manifest.json").read_text())
    for change in (
        lambda said: said.pop("minutes"),
        lambda said: said["decisions"][0].update(bytes="1"),
        lambda said: said["decisions"][0].update(id="../../etc"),
        lambda said: said["decisions"][0].update(proof="sure"),
        lambda said: said["decisions"].append(7),
        lambda said: said.update(assembly="xyz"),
        lambda said: said.update(withheld="0"),
        lambda said: said.update(more=1),
        lambda said: said["decisions"].append(said["decisions"][0]),
        lambda said: said["decisions"][0].update(title="\ud800"),
    ):
        said = json.loads(json.dumps(whole))
        change(said)
        with pytest.raises(BadPublicationError):
            publication.read_manifest(json.dumps(said, sort_keys=True, indent=1).encode() + b"\n")
    assert publication.read_manifest(publication.write_manifest(whole)) == whole
    with pytest.raises(BadPublicationError, match="not written as one is"):
        publication.read_manifest(json.dumps(whole).encode())


def test_a_folder_with_something_else_is_left_alone(three, tmp_path):
    contexts, _ = three
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat").write_text("meow")
    for place, words in (
        (tmp_path / "photos", "something else"),
        (tmp_path / "photos" / "cat", "is no folder"),
        (tmp_path / "no" / "where", "cannot make"),
    ):
        with pytest.raises(NodeError, match=words):
            publish(contexts[0], place)
    assert (tmp_path / "photos" / "cat").read_text() == "meow"
    (tmp_path / "public").mkdir()
    steps = publishing.publish(contexts[0], {"folder": str(tmp_path / "public")})
    next(steps)
    steps.close()  # broken off: it is no folder of somebody else, and the next time goes on
    assert publish(contexts[0], tmp_path / "public")["decisions"] == 1
    assert verify(tmp_path / "public").problems == ()


def test_minutes_are_published_after_seven_days_unless_somebody_redacts_them(three, tmp_path):
    contexts, clock = three
    ada, bea, cy = contexts
    may_be_named(contexts, "yes")
    written = {}
    for title in ("Monday", "Tuesday", "Unsigned"):
        written[title] = meetings.minutes(
            ada, {"title": title, "text": f"What {title} brought", "held_ms": clock.now_ms, "present": ["Ada", "Bea", "Cy"]}
        )["id"]  # fmt: skip
    meet(contexts)
    for title in ("Monday", "Tuesday"):
        for each in (bea, cy):
            meetings.assent(each, {"id": written[title]})
    meet(contexts)
    folder = tmp_path / "public"
    assert publish(ada, folder)["minutes"] == 0
    given = delegation.mandate(bea, {"title": "Minutes", "holder": "Bea", "powers": ["redact"]})["id"]
    decide(contexts, given)
    with pytest.raises(NodeError):
        entering.entry(cy, {"form": "redaction", "about": written["Tuesday"], "fields": ["reason=x"]})
    entering.entry(bea, {"form": "redaction", "about": written["Tuesday"], "fields": ["reason=It names a child"]})
    meet(contexts)
    clock.now_ms += 8 * DAY_MS
    told = publish(ada, folder)
    assert (told["minutes"], told["redacted"]) == (2, 1)
    rows = {each["state"]: each for each in verify(folder).manifest["minutes"]}
    assert rows["public"]["text"] == "What Monday brought"
    assert (rows["public"]["present"], rows["public"]["unnamed"]) == (["Ada"], 2)
    assert (rows["redacted"]["text"], rows["redacted"]["title"]) == ("", "")
    assert rows["redacted"]["reason"] == "It names a child"
    page = (folder / "minutes.html").read_text()
    assert "Tuesday" not in page
    assert "Redacted: It names a child" in page


def test_decisions_about_people_are_counted_and_money_is_shown(three, tmp_path):
    contexts, _ = three
    ada, bea, cy = contexts
    for holder in ("Ada", "Bea"):
        given = delegation.mandate(cy, {"title": f"Purse {holder}", "holder": holder, "powers": ["spend"]})["id"]
        decide(contexts, given)
    pots = text(contexts, "Budget 2027", form="pots", fields=["time=2027", "whole=500", "pots=repairs / 500"])
    paid = haste.spend(ada, {"pots": pots[:8], "pot": "repairs", "amount": "340", "to": "=Smith"})
    assert paid["number"] == 1
    meet(contexts)
    entering.confirm(bea, {"id": paid["id"]})
    meet(contexts)
    told = publish(ada, tmp_path / "public")
    assert told["withheld"] == 2, "mandates of people who have not said that they may be named"
    manifest = verify(tmp_path / "public").manifest
    assert manifest["pots"] == [{"decision": "Budget 2027", "pot": "repairs", "most": 500, "spent": 340, "payments": 1}]
    assert manifest["payments"][0]["to"] == "=Smith"
    assert "'=Smith" in (tmp_path / "public" / "payments.csv").read_text(), "no formula in a spreadsheet"
    may_be_named(contexts, "yes", "yes", "yes")
    assert publish(ada, tmp_path / "public")["withheld"] == 0


def test_titles_can_become_no_link_and_no_line_of_the_table(three, tmp_path):
    contexts, _ = three
    text(contexts, '"><img src=x>‮evil', text='a\r\nb,"c"')
    publish(contexts[0], tmp_path / "public")
    page = (tmp_path / "public" / "decisions.html").read_text()
    assert "<img" not in page
    assert "‮" not in page
    assert verify(tmp_path / "public").problems == ()


def test_a_proof_that_tells_of_somebody_in_its_line_is_held_back(tmp_path):
    """Dan was removed, with a title and a reason that name him, and never said that he may be named."""
    nodes, _ = commune(tmp_path / "homes", ["Ada", "Bea", "Cy", "Dan"], clock=Clock(), witnesses=3)
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    decide(contexts, institutions.institutions(contexts[0], {"do": "adopt", "what": "co-op"})["id"])
    may_be_named(contexts, "yes", "yes", "yes")
    decide(contexts[:3], rosters.remove(contexts[0], {"person": "Dan", "reason": "Dan took 400"})["id"])
    told = publish(contexts[0], tmp_path / "public")
    assert (told["withheld"], told["verifiable"]) == (1, 0)
    everything = b"".join(each.read_bytes() for each in (tmp_path / "public").rglob("*") if each.is_file())
    assert b"Dan" not in everything
    decide(contexts[:3], witnessing.witness(contexts[0], {"word": "committee", "names": ["Ada", "Bea"]})["id"])
    told = publish(contexts[0], tmp_path / "public")
    titles = [each["title"] for each in verify(tmp_path / "public").manifest["decisions"]]
    assert any(title.startswith("Witnesses: Ada") for title in titles), "both of them may be named"
    may_be_named(contexts[1:2], "no")
    meet(contexts[:3])
    publish(contexts[0], tmp_path / "public")
    assert "Witnesses" not in (tmp_path / "public" / "decisions.html").read_text()
    for node in nodes:
        node.close()


def test_nothing_is_removed_that_was_not_published(three, tmp_path):
    contexts, _ = three
    may_be_named(contexts, "yes", "yes", "yes")
    made = text(contexts, "Buy a cart")
    folder = tmp_path / "public"
    publish(contexts[0], folder)
    (folder / "proofs" / "mine.proof").write_text("precious")
    may_be_named(contexts[:1], "no")
    publish(contexts[0], folder)
    assert not (folder / "proofs" / f"{made}.proof").exists()
    assert (folder / "proofs" / "mine.proof").read_text() == "precious"
    assert "mine.proof is no part" in verify(folder).problems[0]


def test_a_day_is_the_one_that_all_calendars_have():
    for days in (-1, 0, 58, 59, 60, 365, 11016, 11017, 20420, 47540, 2932896):
        told = (
            datetime.date(1970, 1, 1) + datetime.timedelta(days=days) if days < 2932896 else datetime.date(9999, 12, 31)
        )
        assert publication.day_of(days * DAY_MS + 5) == told.isoformat()
    assert publication.day_of(2**53)


def test_a_title_that_somebody_entered_is_no_figure(three, tmp_path):
    """What people enter may name others: figures of it are told by the form's name."""
    contexts, _ = three
    fields = ["what=Days since Bea hit Cy", "bound=3"]
    made = entering.entry(contexts[0], {"form": "indicator", "fields": fields})["id"]
    meet(contexts)
    measured = entering.entry(contexts[1], {"form": "measured", "about": made, "fields": ["value=2", "source=x"]})["id"]
    meet(contexts)
    entering.confirm(contexts[2], {"id": measured})
    meet(contexts)
    publish(contexts[0], tmp_path / "public")
    rows = verify(tmp_path / "public").manifest["figures"]
    assert {"what": "indicator", "says": "2 of 3 measured"} in rows
    assert "Bea" not in (tmp_path / "public" / "figures.html").read_text()
