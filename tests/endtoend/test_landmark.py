"""The landmark on whole nodes: three assemblies and their federation, from the plan to GO and to ABORT; islands, rosters,
clocks, and what one's own node refuses.
"""

import base64
import random

import pytest

from meshd.errors import NodeError, UsageError
from meshd.service import (
    cards,
    delegation,
    entering,
    explaining,
    federating,
    federations,
    figures,
    haste,
    landmarks,
    meetings,
    proposing,
    proving,
    putting,
    rosters,
    voting,
    waiting,
)
from meshd.service.pieces import write_pieces
from meshd.state import votes
from meshd.store import tables
from meshd.upkeep import measuring, witness
from meshd_cli.figures import landmark_words
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal, Retraction
from meshd_protocol.bodies.federation import Piece, Quotation
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.chains import Waiting
from meshd_protocol.encoding import decode
from meshd_protocol.kinds import Kind
from meshd_protocol.landmark import ABORT, GO
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.proofs import verify_proof
from meshd_protocol.records import encode_record
from tests.allies import DAY_MS
from tests.unions import checking_ok
from tests.worlds import exchange, newcomer


def stands(context, plan):
    """A landmark as somebody in the federation sees it."""
    return landmarks.landmark_row(context, context.proposal(text_of(plan)))


def line(context):
    """The landmark's line, where there is one."""
    found = [each for each in figures.lines(context) if each["landmark"]]
    return found[0]["landmark"] if found else None


def test_from_the_plan_to_go(allies):
    allies.adopt()
    ada, seat, gil = allies.homes["Aragon"][0], allies.seats["Bakery"], allies.homes["Harbour"][0]
    plan = allies.plan()
    assert explaining.show(seat, {"id": text_of(plan)})["fields"]["what"] == "A walk"
    assert not stands(seat, plan)["settled"]
    assert line(ada) is None, "what is not settled is a matter as any other"
    allies.decide(plan, ["Aragon", "Bakery"])
    row = stands(seat, plan)
    assert (row["settled"], row["of"], row["unheard"], row["final"]) == (True, 3, 3, [])
    assert line(ada)["go_needs"] == 2
    (todo,) = [each for each in waiting.waiting(ada).shown if each["what"] == "card"]
    assert todo["command"] == f"meshd card {text_of(plan)[:8]}"
    haste.ready(seat, {"plan": text_of(plan), "state": "nearly", "lacks": "A lorry"})
    haste.ready(seat, {"plan": text_of(plan), "state": "ready"})

    allies.plays("Aragon", plan, GO)
    assert [each["what"] for each in waiting.waiting(ada).shown if each["what"] == "card"] == []
    assert line(ada)["ours"] == GO
    allies.plays("Harbour", plan, GO, GO, GO, ABORT)
    assert stands(seat, plan)["go"] == [], "nobody has carried them"
    allies.carry_all()
    row = stands(seat, plan)
    assert (len(row["go"]), row["abort"], row["unheard"], row["final"]) == (2, [], 1, [GO])
    assert row["seen_ms"] is not None
    assert row["seen_ms"] < row["begins_ms"]
    for home in (ada, gil, allies.homes["Harbour"][3]):
        found = line(home)
        assert (found["final"], len(found["go"])) == ([GO], 2), "its members see it, with the proof"
        assert found["seen_ms"] is not None
    assert all(map(checking_ok, (ada, gil, seat))), "a recount comes to the same"
    records = [each.assembly.store.count(tables.Kept) for each in (ada, gil, seat)]
    allies.carry_all()
    assert records == [each.assembly.store.count(tables.Kept) for each in (ada, gil, seat)]
    with pytest.raises(NodeError, match="has played its card: go"):
        cards.card(ada, {"plan": text_of(plan)})


def test_a_proof_of_the_plan_shows_a_stranger_go(allies):
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    seat = allies.seats["Bakery"]
    shown = verify_proof(base64.b64decode(proving.prove(seat, {"id": text_of(plan)})["proof"]))
    assert shown.landmark is not None
    assert (shown.outcome, shown.landmark.final) == ("passed", frozenset())
    assert "neither, so nobody moves" in shown.reasons[-1][1]
    allies.plays("Aragon", plan, GO)
    allies.plays("Bakery", plan, GO)
    allies.carry_all()
    shown = verify_proof(base64.b64decode(proving.prove(seat, {"id": text_of(plan)})["proof"]))
    assert shown.landmark.final == {GO}
    assert [text.endswith("plays go.") for rule, text in shown.reasons if rule == "card"] == [True, True]


def test_two_abort_cards_call_it_off_and_a_new_plan_names_the_old_one(allies):
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    seat = allies.seats["Aragon"]
    with pytest.raises(NodeError, match="not called off, and not over"):
        allies.plan(f"before={text_of(plan)}", title="Another day")
    allies.plays("Aragon", plan, ABORT)
    allies.plays("Bakery", plan, ABORT)
    allies.carry_all()
    assert stands(seat, plan)["final"] == [ABORT]
    assert line(allies.homes["Aragon"][0])["final"] == [ABORT]
    second = allies.plan(f"before={text_of(plan)}", title="Another day", begins=20)
    allies.decide(second)
    allies.plays("Harbour", second, GO)
    allies.carry_all()
    assert len(stands(seat, second)["go"]) == 1


def test_what_comes_after_a_plan_that_is_open_waits_in_each_assembly_too(allies):
    allies.adopt()
    first = allies.plan()
    second = allies.plan(f"before={text_of(first)}", title="Another day", begins=20)
    for plan in (first, second):
        allies.decide(plan)
    home = allies.homes["Aragon"][0]
    with pytest.raises(NodeError, match="until then this one waits"):
        cards.card(home, {"plan": text_of(second)})
    allies.pass_time(12)
    assert cards.card(home, {"plan": text_of(second)})["put"]


def two_questions(allies, plan):
    """Harbour's people are asked twice: on their roster, and on one without Jo. Everybody says go, and then abort."""
    gil, hal, *_ = homes = allies.homes["Harbour"]
    first = cards.card(gil, {"plan": text_of(plan)})["id"]
    allies.meet_at_home("Harbour")
    allies.all_say("Harbour", rosters.remove(hal, {"person": "Jo", "reason": "why"})["id"], "yes", "yes", "yes", "no")
    payload = Voiced(allies.id, plan, False)
    body = Proposal(
        hal.standing().head, "card", "Again", options=(GO, ABORT), method="plurality", action=(int(Verb.VOICE), payload)
    )
    second = text_of(putting.open_proposal(hal, body))
    allies.meet_at_home("Harbour")
    assert gil.proposal(first).roster != hal.proposal(second).roster
    for home in homes:
        voting.vote(home, {"id": first, "choices": [GO], "late": True})
    allies.meet_at_home("Harbour")
    for home in homes[:3]:
        voting.vote(home, {"id": second, "choices": [ABORT], "late": True})
    allies.meet_at_home("Harbour")
    allies.pass_time(2)
    return first, second


def sign(home, question):
    """A witness whose node does what no honest one does: it attests, whatever it has attested."""
    row = home.proposal(question)
    with home.assembly.writing():
        home.assembly.write(Kind.ATTESTATION, witness.attestation(home.assembly, votes.certified(home.standing(), row)))


def quote_all(allies, seat, *questions):
    """What Harbour holds of some questions comes to one seat, certified or not."""
    store = allies.homes["Harbour"][0].assembly.store
    found = [bytes_of(each) for each in questions]
    found += [row.id for each in questions for row in store.find(tables.Attestation, proposal=bytes_of(each))]
    kept = [store.get(tables.Kept, id=each) for each in found]
    with seat.assembly.writing():
        for each in kept:
            body = Quotation(allies.homes["Harbour"][0].assembly.id, ((each.header, each.signature, each.body),))
            seat.assembly.write(Kind.QUOTATION, body)


def test_two_card_decisions_on_two_rosters_are_never_two_cards(allies):
    """Hard case 1: whoever sees one of them, or the other, or both, sees at most one card; with one traitor of four."""
    allies.adopt()
    plan = allies.plan("go=3", "abort=1")
    allies.decide(plan)
    first, second = two_questions(allies, plan)
    homes, (here, there) = allies.homes["Harbour"], (allies.seats["Aragon"], allies.seats["Bakery"])
    assert explaining.show(homes[0], {"id": first})["outcome"] == [GO]
    assert explaining.show(homes[0], {"id": second})["outcome"] is None, "its witnesses have attested the first"
    sign(homes[1], second)
    allies.meet_at_home("Harbour")
    allies.bring("Harbour", first, here)
    allies.bring("Harbour", "roster", there)
    quote_all(allies, there, second)
    assert (stands(here, plan)["go"] != [], stands(there, plan)["abort"]) == (True, [])
    exchange(here.assembly, there.assembly)
    row = stands(there, plan)
    assert (len(row["go"]), row["abort"], row["final"]) == (1, [], [])
    assert row["both"] == [{"assembly": row["go"][0], "witnesses": 1}], "who signed both is named"


def test_beyond_the_bound_both_are_final_and_those_who_signed_twice_are_named(allies):
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    first, second = two_questions(allies, plan)
    for home in allies.homes["Harbour"][:3]:
        sign(home, second)
    allies.meet_at_home("Harbour")
    allies.plays("Aragon", plan, GO)
    allies.plays("Bakery", plan, ABORT)
    allies.carry_all()
    seat = allies.seats["Aragon"]
    quote_all(allies, seat, first, second)
    row = stands(seat, plan)
    assert row["final"] == [ABORT, GO]
    assert [each["witnesses"] for each in row["both"]] == [3]


def test_go_on_one_island_and_the_other_one_stays(allies):
    """Hard case 2: and who hears of GO after it has begun stays, too, whatever others did."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    here, there = allies.seats["Aragon"], allies.seats["Bakery"]
    for name in ("Aragon", "Harbour"):
        question = allies.plays(name, plan, GO)
        allies.bring(name, question, here)
    assert (stands(here, plan)["final"], stands(there, plan)["final"]) == ([GO], [])
    allies.pass_time(10)
    assert "began" in landmark_words(stands(here, plan))
    assert "stay" not in landmark_words(stands(here, plan))
    exchange(here.assembly, there.assembly)
    late = stands(there, plan)
    assert late["final"] == [GO]
    assert landmark_words(late | {"ends_ms": late["ends_ms"] + 10 * DAY_MS}).endswith("): stay")


def test_a_plan_by_which_both_could_come_true_is_void_and_says_why(allies):
    """Hard case 3; one's own node puts none, and of others' nothing comes."""
    allies.adopt()
    with pytest.raises(UsageError, match="2 \\+ 1 is not more than 3 \\+ 0"):
        allies.plan("abort=1")
    seat = allies.seats["Aragon"]
    good = allies.plan()
    row = seat.proposal(text_of(good))
    fields = decode(row.what) | {"abort": 1}
    body = Proposal(seat.standing().head, "significant", "Void", what=Figures(row.template, "landmark", fields))
    void = putting.open_proposal(seat, body)
    allies.meet()
    allies.decide(void)
    assert stands(seat, void)["settled"] is False
    assert "2 + 1 is not more than 3 + 0" in landmark_words(stands(seat, void))
    with pytest.raises(NodeError, match="nothing comes of this plan"):
        cards.card(allies.homes["Aragon"][0], {"plan": text_of(void)})


def test_who_leaves_after_the_plan_changes_no_number(allies):
    """Hard case 13."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    home = allies.homes["Bakery"][0]
    allies.plays("Bakery", plan, GO)
    left = federating.federate(home, {"federation": text_of(allies.id), "leave": True})["id"]
    allies.all_say("Bakery", left, "yes")
    allies.carry_all()
    seat = allies.seats["Aragon"]
    assert home.assembly.id not in seat.state().members
    row = stands(seat, plan)
    assert (row["of"], row["unheard"], len(row["go"])) == (3, 2, 1), "and its card counts"
    allies.plays("Aragon", plan, GO)
    allies.carry_all()
    assert stands(seat, plan)["final"] == [GO]


def test_no_card_is_played_after_its_time(allies):
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    home = allies.homes["Harbour"][0]
    question = cards.card(home, {"plan": text_of(plan)})["id"]
    allies.meet_at_home("Harbour")
    for each in allies.homes["Harbour"][:3]:
        voting.vote(each, {"id": question, "choices": [GO]})
    allies.meet_at_home("Harbour")
    allies.clock.now_ms += 8 * DAY_MS
    allies.measure()
    assert explaining.show(home, {"id": question})["outcome"] is None, "witnesses attest it no more"
    with pytest.raises(NodeError, match="have ended"):
        cards.card(allies.homes["Aragon"][0], {"plan": text_of(plan)})


def test_a_card_by_another_policy_is_none(allies):
    """What witnesses may attest twice is no card; nor is a yes on the plan, or an election of something else."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    home = allies.homes["Aragon"][0]
    for name, options in (("election", (GO, ABORT)), ("election", (GO, ABORT, "neither")), ("card", (GO, "stay"))):
        payload = Voiced(allies.id, plan, False)
        body = Proposal(
            home.standing().head, name, "X", options=options, method="plurality", action=(int(Verb.VOICE), payload)
        )
        question = text_of(putting.open_proposal(home, body))
        allies.all_say("Aragon", question, GO)
        if name == "card":
            assert explaining.show(home, {"id": question})["outcome"] is None, "it would spend what is attested once"
        else:
            allies.bring("Aragon", question, allies.seats["Aragon"])
    assert cards.card(home, {"plan": text_of(plan)})["put"], "none of these is in a card's way"
    row = stands(allies.seats["Aragon"], plan)
    assert (row["go"], row["abort"]) == ([], [])


def test_what_ones_own_node_refuses_of_a_plan(allies):
    allies.adopt()
    seat, home = allies.seats["Aragon"], allies.homes["Aragon"][0]
    for field, words in (
        ("abort=4", "4 cards are asked for"),
        ("captured=2", "could call it off alone|not more than"),
        ("begins=1", "another order"),
        ("cards-until=5", "ended already"),
    ):
        with pytest.raises(UsageError, match=words):
            allies.plan(field, *(("begins=9", "ends=10") if field.startswith("cards") else ()))
    with pytest.raises(UsageError, match="is settled by the assemblies"):
        now = allies.clock.now_ms
        dates = [f"{name}={now + n * DAY_MS}" for n, name in enumerate(("cards-until", "begins", "ends"), 3)]
        given = ["what=X", "where=Y", "go=2", "abort=2", "captured=0", *dates]
        proposing.propose(seat, {"title": "X", "form": "landmark", "policy": "standard", "fields": given})
    allies.clock.now_ms -= 2 * DAY_MS
    with pytest.raises(NodeError, match="ten times as long"):
        allies.plan()
    allies.clock.now_ms += 2 * DAY_MS
    plan = allies.plan("assemblies=Bakery", "assemblies=Harbour", "go=2", "abort=1")
    allies.decide(plan)
    with pytest.raises(NodeError, match="none of those that take part"):
        cards.card(home, {"plan": text_of(plan)})
    with pytest.raises(NodeError, match="at home"):
        cards.card(seat, {"plan": text_of(plan)})
    with pytest.raises(UsageError, match="no plan of a landmark"):
        cards.card(home, {"plan": text_of(seat.standing().proposal(plan).template)})


def test_a_review_is_asked_of_everybody_every_third_cycle(allies):
    """Until it is given; and again three cycles after the last one."""
    allies.adopt()
    seat, other, third = (allies.seats[name] for name in ("Aragon", "Bakery", "Harbour"))
    fields = ["phase=Spring", "indicator=loaves", "target=900"]
    asked = {"title": "Spring", "form": "roadmap", "policy": "significant", "fields": fields}
    road = seat.proposal(proposing.propose(seat, asked)["id"]).id
    allies.meet()
    allies.decide(road)

    def late(context):
        return [each for each in waiting.waiting(context).shown if each["what"] == "due"]

    def review():
        given = {"form": "review", "about": text_of(road), "fields": [f"minutes={text_of(minutes)}", "what=keep"]}
        made = entering.entry(seat, given)["id"]
        allies.meet()
        for each in (other, third):
            entering.confirm(each, {"id": made})
        allies.meet()

    written = {"title": "Review", "text": "We keep it", "present": [], "held_ms": allies.clock.now_ms}
    minutes = bytes_of(meetings.minutes(seat, written)["id"])
    allies.meet()
    assert late(seat) == []
    for _ in range(2):
        allies.clock.now_ms += 85 * DAY_MS
        for each in (seat, other, third):
            measure_now(each)
        (row,) = late(other)
        assert row["command"] == f"meshd entry review --about {text_of(road)[:8]}"
        assert (row["title"], row["due"]) == ("Spring, loaves", "review")
        review()
        assert late(other) == late(seat) == []


def measure_now(context):
    with context.assembly.store.transaction():
        measuring.measure(context.assembly)


def test_seconds_of_one_assembly_count_once(allies):
    """Two who sit for Harbour confirm an alarm: it lacks another assembly's word all the same."""
    allies.adopt()
    seat, gil = allies.seats["Aragon"], allies.seats["Harbour"]
    made = newcomer(allies.folder / "F", allies.convener, "Hal", seed=77, clock=allies.clock)
    exchange(allies.convener.assembly, made.assembly)
    home = allies.homes["Harbour"][0]
    second = {"seat": text_of(allies.id), "seat_key": text_of(made.context.me)}
    given = delegation.mandate(home, {"title": "Second delegate", "holder": "Hal", "powers": ["speak"]} | second)["id"]
    allies.all_say("Harbour", given, "yes")
    allies.carry_all()
    exchange(allies.convener.assembly, made.assembly, *(each.assembly for each in allies.seats.values()))
    assert made.context.state().member_of(made.context.me) == home.assembly.id
    alarm = haste.alarm(seat, {"title": "Fire", "where": "Mill", "asks": "Water"})["id"]
    exchange(seat.assembly, gil.assembly, made.assembly)
    assert entering.confirm(gil, {"id": alarm})["stands"] is False
    exchange(gil.assembly, made.assembly)
    assert entering.confirm(made.context, {"id": alarm})["stands"] is False
    exchange(made.assembly, allies.seats["Bakery"].assembly)
    assert entering.confirm(allies.seats["Bakery"], {"id": alarm})["stands"] is True
    made.assembly.close()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
def test_in_whatever_order_records_come_the_same_cards_count(allies, seed):
    """And in none does a card that counted cease to."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    first, second = two_questions(allies, plan)
    for home in allies.homes["Harbour"][:3]:
        sign(home, second)
    allies.meet_at_home("Harbour")
    allies.plays("Aragon", plan, GO)
    allies.carry_all()
    seat = allies.seats["Aragon"]
    quote_all(allies, seat, first, second)
    want = stands(seat, plan)
    assert (len(want["go"]), len(want["abort"])) == (2, 1)
    logged = (kept for batch in seat.assembly.store.walk() for kept in batch)
    records = [encode_record(each.header, each.signature, each.body) for each in logged]
    made = newcomer(allies.folder / "F", allies.convener, "Kay", seed=90, clock=allies.clock)
    random.Random(seed).shuffle(records)
    held, before = Waiting(), {card: set[str]() for card in (GO, ABORT)}
    for start in range(0, len(records), 5):
        made.assembly.receive(records[start : start + 5], held)
        standing = made.assembly.standing
        if standing is not None and standing.state is not None and standing.proposal(plan) is not None:
            now = stands(made.context, plan)
            for card, was in before.items():
                assert was <= set(now[card]) if now is not None else not was
                was |= set(now[card]) if now is not None else set()
    made.assembly.receive(records, held)
    now = stands(made.context, plan)
    assert {key: now[key] for key in ("go", "abort", "final", "both", "settled")} == {
        key: want[key] for key in ("go", "abort", "final", "both", "settled")
    }
    made.assembly.close()


def test_nothing_that_comes_later_hides_go_at_home(allies):
    """Neither its author, who withdraws it, nor an assembly that leaves."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan, ["Aragon", "Bakery"])
    left = federating.federate(allies.homes["Bakery"][0], {"federation": text_of(allies.id), "leave": True})["id"]
    allies.all_say("Bakery", left, "yes")
    allies.carry_all()
    for name in ("Aragon", "Harbour"):
        allies.plays(name, plan, GO)
    seat = allies.seats["Aragon"]
    with seat.assembly.writing():
        seat.assembly.write(Kind.RETRACTION, Retraction(plan, "why"))
    allies.carry_all()
    assert stands(allies.seats["Harbour"], plan)["final"] == [GO]
    for home in (allies.homes["Aragon"][0], *allies.homes["Harbour"]):
        found = line(home)
        assert found is not None
        assert found["final"] == [GO]


def test_go_is_seen_at_home_once_its_proof_is_whole(allies):
    """The act that tells of it may come days before the last piece of the proof: until then nobody knows."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    for name in ("Aragon", "Harbour"):
        allies.plays(name, plan, GO)
    allies.carry_all()
    away, near = allies.homes["Harbour"][3], allies.homes["Harbour"][0]
    seen = line(near)["seen_ms"]
    assert seen is not None
    assert seen < line(near)["begins_ms"]
    name = next(
        told.told.proof
        for told in federations.tellings(near)[(allies.id, plan)]
        if federations.decided(near, [told]).landmark.final
    )
    store = away.assembly.store
    parts = [store.get(tables.Kept, id=row.id) for row in store.find(tables.Piece, file=name)]
    with store.transaction():
        store.delete(tables.Noticed, id=name)
        for row in store.find(tables.Piece, file=name):
            store.delete(tables.Piece, id=row.id)
    away.assembly.remembered.files.clear()
    assert line(away)["final"] == []
    allies.pass_time(10)
    data = b"".join(Piece.read(each.body).data for each in sorted(parts, key=lambda each: Piece.read(each.body).place))
    with away.assembly.writing():
        write_pieces(away, data)
    assert line(away)["final"] == [GO]
    assert "stay" in landmark_words(line(away)), "it came too late"
    assert "stay" not in landmark_words(line(near))


def test_a_plan_with_fields_of_any_kind_breaks_nothing(allies):
    allies.adopt()
    seat, home = allies.seats["Aragon"], allies.homes["Aragon"][0]
    good = seat.proposal(text_of(allies.plan()))
    fields = decode(good.what)
    broken = [{"before": []}, {"before": {}}, {"go": []}, {"assemblies": [[]]}, {"assemblies": {}}, {"ends": "x"}]
    for change in (*broken, {"assemblies": [{"assembly": []}]}, {"what": {}}, {"go": 2**53 - 1}):
        what = Figures(good.template, "landmark", fields | change)
        plan = putting.open_proposal(seat, Proposal(seat.standing().head, "significant", "X", what=what))
        explaining.show(seat, {"id": text_of(plan)})
    allies.decide(plan)
    for context in (seat, home):
        figures.lines(context)
        waiting.waiting(context)
    federations.voices(home, {})


def test_nobody_rests_from_a_day_that_is_to_come(allies):
    """GO before the day holds no ballot back; after it people rest for three days, and not longer."""
    allies.adopt()
    plan = allies.plan()
    allies.decide(plan)
    for name in ("Aragon", "Harbour"):
        allies.plays(name, plan, GO)
    allies.carry_all()
    seat = allies.seats["Bakery"]
    assert stands(seat, plan)["final"] == [GO]

    def rests():
        return [each["command"] for each in waiting.waiting(seat).shown if each["what"] == "rest"]

    assert rests() == []
    allies.clock.now_ms = stands(seat, plan)["ends_ms"] + DAY_MS
    assert rests() == [f"meshd entry learnt --about {text_of(plan)[:8]}"]
    allies.clock.now_ms += 3 * DAY_MS
    assert rests() == []
