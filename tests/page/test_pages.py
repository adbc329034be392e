"""What a member does daily, in a browser without scripts: each page, each form, against three real nodes."""

import pytest

from tests.commands.shell import wait


@pytest.fixture(scope="module")
def browser(houses):
    return houses[0].browser()


@pytest.fixture
def ada(houses):
    return houses[0].shell


@pytest.fixture
def bo(houses):
    return houses[1]


def _of(answer):
    """The id in the address that a form led to."""
    return answer.path.partition("?")[0].rpartition("/")[2]


def test_a_proposal_is_put_voted_on_by_two_and_explained(browser, ada, bo):
    page = browser.visit("/propose")
    made = browser.fill(page, "/propose", title="A <b>new</b> oven", text="It costs 300.\n\nمريم knows one.",
                        policy="significant")  # fmt: skip
    assert made.status == 200
    identity = _of(made)
    assert "A &lt;b&gt;new&lt;/b&gt; oven" in made.text
    assert "<b>new" not in made.text
    assert any(identity in row["id"] for row in ada.rows("list"))
    sure = browser.fill(made, "/vote", say="yes", reason="It leaks")
    assert "You can't change this ballot later" in sure.words
    assert "3 people" in sure.words
    assert not ada.json("list", "--mine")["voted"] if isinstance(ada.json("list", "--mine"), dict) else True
    voted = browser.fill(sure, "/vote")
    assert "you said: yes" in voted.words
    assert "provisional: yes leads" in voted.words
    assert "2 not seen here" in voted.words
    wait(lambda: any(row["id"] == identity for row in bo.rows("list")))
    bo.ok("vote", identity, "yes")
    wait(lambda: "final: passed" in browser.visit(f"/decisions/{identity}").words)
    assert 'aria-label="Of 3 members: yes 2, not seen 1"' in browser.visit(f"/decisions/{identity}").text


def test_consent_needs_a_reason_and_can_be_changed(browser, ada):
    made = browser.fill(browser.visit("/propose"), "/propose", title="Close on Mondays", policy="consent")
    identity = _of(made)
    refused = browser.fill(made, "/vote", say="object")
    assert refused.status == 409
    assert "an objection needs a reason" in refused.words.casefold()
    assert 'value="object" checked' in refused.text, "what was chosen stands there still"
    done = browser.fill(refused, "/vote", reason="My shift")
    assert "you said: object" in done.words
    assert "My shift" in done.words
    changed = browser.fill(browser.visit(f"/decisions/{identity}"), "/vote", say="consent")
    assert "you said: consent" in changed.words
    assert ada.json("show", identity)["counts"] == {"yes": 1, "no": 0, "abstain": 0}
    assert "A new ballot takes its place" in changed.words
    fixed = browser.fill(browser.visit("/propose"), "/propose", title="An oven", policy="significant")
    cast = browser.fill(browser.fill(fixed, "/vote", say="yes"), "/vote")
    assert 'id="ballot"' not in cast.text, "where it can't be changed nobody is asked again"


def test_ranks_by_buttons_and_numbers(browser, ada):
    options = ["Ada", "Bo = B", "مريم", "Nobody <x>"]
    made = browser.fill(browser.visit("/propose"), "/propose", title="Who keeps the key", options="\n".join(options))
    identity = _of(made)
    page = browser.fill(made, "/vote", move="up 2")  # the third option
    page = browser.fill(page, "/vote", move="up 0")
    page = browser.fill(page, "/vote", move="up 3")
    assert [page.form("/vote")[f"rank-{number}"][0] for number in range(4)] == ["2", "", "1", "3"]
    page = browser.fill(page, "/vote", move="up 0")
    page = browser.fill(page, "/vote", move="down 3")
    assert [page.form("/vote")[f"rank-{number}"][0] for number in range(4)] == ["1", "", "2", ""]
    sure = browser.fill(page, "/vote", rank_1="2")
    assert "you say: Ada > Bo = B = مريم" in sure.words
    done = browser.fill(sure, "/vote")
    assert "you said: Ada > Bo = B=مريم" in done.words
    assert ada.json("why", identity)["seen"] == 1
    assert "Round by round" in done.words
    bars = browser.visit(f"/decisions/{identity}").text
    assert bars.count("<svg") > 4


def test_blank_scores_and_approvals(browser, ada):
    made = browser.fill(browser.visit("/propose"), "/propose", title="Score", options="A\nB\nC", method="score")
    done = browser.fill(browser.fill(made, "/vote", score_0="5", score_2="0"), "/vote")
    assert "you said: A=5, C=0" in done.words
    made = browser.fill(browser.visit("/propose"), "/propose", title="Some", options="A\nB\nC", method="approval")
    nothing = browser.fill(made, "/vote")
    assert nothing.status == 409
    assert "The ballot says nothing yet" in nothing.words
    done = browser.fill(browser.fill(made, "/vote", say=["0", "2"]), "/vote")
    assert "you said: A, C" in done.words
    made = browser.fill(browser.visit("/propose"), "/propose", title="None", options="A\nB", method="plurality")
    done = browser.fill(browser.fill(made, "/vote", blank="1"), "/vote")
    assert "you said: blank" in done.words


def test_discussion_rivals_and_withdrawal(browser, ada, bo):
    made = browser.fill(browser.visit("/propose"), "/propose", title="Bikes", text="Two.", policy="significant")
    identity = _of(made)
    said = browser.fill(made, "/say", text="Which ones?\n<script>alert(1)</script>")
    assert "Which ones?" in said.words
    assert "<script>alert" not in said.text
    assert ada.json("show", identity)["about"][0]["text"] == "Which ones?\n<script>alert(1)</script>"
    form = browser.visit(f"/propose?amends={identity}")
    assert "A rival text of Bikes" in form.words
    assert form.form("/propose")["text"] == ["Two."]
    rival = browser.fill(form, "/propose", title="Three bikes")
    assert "A rival text of Bikes" in rival.words
    assert "Three bikes" in browser.visit(f"/decisions/{identity}").words
    seats = ada.ok("propose", "Committee", "--option", "A", "--option", "B", "--option", "C", "--seats", "2").strip()
    form = browser.visit(f"/propose?amends={seats}").form("/propose")
    assert (form["seats"], form["method"]) == (["2"], [ada.json("show", seats)["method"]])
    assert form["options"] == ["A\nB\nC"]
    words = ("--option", "Oven", "--option", "Bikes", "--method", "equal-shares", "--budget", "100")
    budget = ada.ok("propose", "Budget", *words, "--cost", "60", "--cost", "30").strip()
    assert "There is 100 to spend. What each costs: Oven 60, Bikes 30." in browser.visit(f"/decisions/{budget}").words
    rival = browser.fill(browser.visit(f"/propose?amends={budget}"), "/propose", costs="60\n40")
    made = ada.json("show", _of(rival))
    assert (made["method"], made["costs"], made["budget"], made["amends"]) == ("equal-shares", [60, 40], 100, budget)
    gone = browser.fill(browser.visit(f"/decisions/{identity}"), "/withdraw", reason="Too dear")
    assert "withdrawn" in gone.words
    assert "Too dear" in gone.words


def test_older_talk_is_a_click_away(house):
    browser, shell = house.browser(), house.shell
    for number in range(52):
        shell.ok("say", f"message {number}.", "--topic", "flour")
    newest = browser.visit("/talk?topic=flour")
    assert "message 50." in newest.words
    assert "message 0." not in newest.words
    older = browser.get(newest.link("Older ones, too").replace("&amp;", "&"))
    assert "message 0." in older.words
    assert "Older ones" not in older.words
    told = shell.run("read", "--topic", "flour")
    assert "meshd read --all --topic flour" in told.stderr
    assert "message 0." in shell.ok("read", "--all", "--topic", "flour")
    assert "shows all" not in shell.run("read", "--all").stderr


def test_talk_letters_and_taking_back(browser, ada, bo):
    page = browser.visit("/talk")
    said = browser.fill(page, "/talk", text="Who brings flour?", topic="kitchen")
    assert "Who brings flour?" in said.words
    assert "Who brings flour?" in browser.visit("/talk?topic=kitchen").words
    label = next(row["label"] for row in ada.rows("members") if row["person"] == "Bo")
    browser.fill(browser.visit("/talk"), "/talk", text="The key is under the pot", to=label)
    wait(lambda: any(row["text"] == "The key is under the pot" for row in bo.rows("read")))
    bo.ok("say", "Good", "--to", "Ada")
    wait(lambda: "A letter from Bo" in browser.visit().words)
    assert "Good" in browser.visit("/talk").words
    assert "A letter from Bo" not in browser.visit().words
    page = browser.visit("/talk?topic=kitchen")
    gone = browser.fill(page, "/talk/forget")
    assert gone.status == 200
    assert "Who brings flour?" not in browser.visit("/talk").words
    assert "took a message back" in browser.visit("/talk").words


def test_people_and_how_they_came_in(browser, ada, shells_of):
    words = browser.visit("/people").words
    assert "Bo" in words
    assert "Brought in by Ada" in words
    ticket = browser.fill(browser.visit("/people"), "/people/invite")
    assert ticket.status == 200
    line = ticket.text.partition('<code class="whole">')[2].partition("<")[0]
    assert line.startswith("meshd:")
    dan = shells_of("dan")
    dan.apply(line, "Dan")
    dan.start("--connect", ada.address)
    wait(lambda: "Vouch if you know them" in browser.visit().words)
    assert "/people" in browser.visit().text
    vouched = browser.fill(browser.visit("/people"), "/people/vouch")
    assert "Vouched for by 1 of 2" in vouched.words
    again = browser.send("/people/vouch", browser.visit("/people").form("/people/invite") | {"person": ["Dan"]})
    assert again.status == 409
    assert "vouched for" in again.words


@pytest.fixture
def shells_of(tmp_path):
    from tests.commands.shell import Shell

    made = {}

    def shell(name):
        return made.setdefault(name, Shell(tmp_path / name))

    yield shell
    for each in made.values():
        each.stop()


def test_a_mandate_its_acts_and_a_recall(browser, ada, bo):
    label = next(row["label"] for row in ada.rows("members") if row["person"] == "Ada")
    made = browser.fill(
        browser.visit("/mandate"), "/mandate", title="Ada buys flour", holder=label, powers="buy flour\nsign"
    )
    identity = _of(made)
    browser.fill(browser.fill(made, "/vote", say="yes"), "/vote")
    wait(lambda: any(row["id"] == identity for row in bo.rows("list")))
    bo.ok("vote", identity, "yes")
    wait(lambda: "Ada buys flour" in browser.visit("/delegates").words)
    page = browser.visit("/delegates")
    done = browser.fill(page, f"/{identity}/act", text="40 kg", power="buy flour")
    assert "40 kg" in done.words
    assert "too few other witnesses to countersign" in done.words
    motion = browser.fill(browser.visit("/delegates"), f"/{identity}/recall", reason="Too dear")
    assert "Recall Ada" in motion.words
    assert "This motion is about you" in motion.words
    answered = browser.fill(motion, "/answer", text="It was cheap")
    assert "It was cheap" in answered.words
    assert "1 of 3 members signed to recall" in browser.visit("/delegates").words


def test_minutes_and_tasks(browser, ada, bo):
    page = browser.visit("/meetings")
    label = next(row["label"] for row in ada.rows("members") if row["person"] == "Bo")
    early = browser.fill(page, "/meetings", title="Monday", text="We met.", held="2099-01-01T10:00")
    assert "still to come" in early.words
    made = browser.fill(early, "/meetings", present=[label], held="2026-01-05T18:00")
    assert "2026-01-05" in made.words
    assert "We met." in made.words
    assert "Not yet: Bo" in made.words
    wait(lambda: bo.rows("minutes"))
    bo.ok("minutes", "Tuesday", "--text", "-", "--present", "Ada", stdin="We met again.")
    wait(lambda: "Sign the minutes" in browser.visit().words)
    other = next(row for row in ada.rows("minutes") if row["title"] == "Tuesday")
    signed = browser.fill(browser.visit(f"/meetings/{other['id']}"), "/assent")
    assert "Signed by: Ada" in signed.words
    decision = ada.rows("list")[0]["id"]
    ada.ok("outcome", decision, "It goes on", "--task", "Fetch flour / Ada / 3d")
    page = browser.visit("/meetings")
    assert "Fetch flour" in page.words
    assert "You took on: Fetch flour" in browser.visit().words
    done = browser.fill(page, "/meetings/done", text="In the cellar")
    assert done.status == 200
    assert "You took on: Fetch flour" not in browser.visit().words


def test_institutions_are_decided_entered_and_confirmed(browser, ada, bo):
    made = ada.json("institutions", "adopt", "co-op")["id"]
    wait(lambda: any(row["id"] == made for row in bo.rows("list")))
    bo.ok("vote", made, "yes")
    wait(lambda: "adopted" in browser.visit("/institutions").words)
    assert "Co-operative" in browser.visit(f"/decisions/{made}").words, "a template has fields of its own"
    assert 'href="' + f"{browser.at}/entry?form=Co-operative/pots" in browser.visit("/institutions").text
    pots = browser.visit("/entry?form=Co-operative/pots")
    assert "This is decided" in pots.words
    assert "each as name / most" in pots.words
    said = {"title": ["Money for spring"], "field time": ["March to May"], "field whole": ["80000"]}
    refused = browser.send("/entry", pots.form("/entry") | said | {"field pots": ["Repairs"]})
    assert refused.status == 409
    assert refused.form("/entry")["title"] == ["Money for spring"]
    assert refused.form("/entry")["field pots"] == ["Repairs"]
    fields = refused.form("/entry") | {"field pots": ["Repairs / 50000\nFlour / 30000"]}
    sent = browser.send("/entry", fields)
    assert sent.status == 303, sent.words
    decision = browser.get(sent.headers["location"])
    assert "Money for spring" in decision.words
    assert "Repairs / 50000" in decision.words
    assert decision.words.index("Repairs / 50000") < decision.words.index("Flour / 30000")
    to = browser.get(f"{browser.at}/propose?amends={_of(decision)}")
    rival = browser.get(to.headers["location"]).form("/entry")
    assert [rival[f"field {name}"][0] for name in ("time", "pots")] == [
        "March to May",
        "Repairs / 50000 cents\nFlour / 30000 cents",
    ]
    assert browser.send("/entry", rival | {"title": ["Less for spring"]}).status == 303, "it can be sent as it stands"
    other = browser.visit("/institutions")
    entered = next(name for name in other.text.split("/entry?form=")[1:] if not name.endswith("pots")).partition('"')[0]
    nothing = browser.fill(browser.visit(f"/entry?form={entered}"), "/entry")
    assert nothing.status == 409
    assert 'id="problem"' in nothing.text


def test_this_machine_and_help(browser, ada):
    words = browser.visit("/machine").words
    assert "Bo" in words
    assert "in step" in words
    assert ada.json("status")["digest"] in words
    assert "Hold an election" in browser.visit("/help").words
    assert 'href="#"' not in browser.visit("/help/keep-institutions").text, "what does not come along is no link"
    assert "meshd connect HOST:PORT" in browser.visit("/machine").words
    page = browser.visit("/help/hold-an-election")
    assert "<h1>Hold an election</h1>" in page.text
    assert "<pre " in page.text
    assert browser.get(f"{browser.at}/help/../pyproject").status == 404


def test_the_list_is_paged(browser, ada):
    assert "Page 1 of" not in browser.visit("/decisions?which=all").words
    for number in range(50):
        ada.ok("propose", f"Number {number}")
    page = browser.visit("/decisions?which=all&page=1")
    assert "Page 1 of 2" in page.words
    assert "Number 49" in page.words
    assert page.text.count("<li><a href") == 50
    assert "Page 2 of 2" in browser.visit("/decisions?which=all&page=99").words


def test_names_from_right_to_left_keep_numbers_in_their_place(browser, ada):
    text = browser.visit("/people").text
    assert "<bdi>\u0645" not in text.replace("<bdi>مريم 7</bdi>", "")
    assert "<bdi>مريم 7</bdi>" in text


def test_what_is_cast_is_what_was_chosen_whatever_options_are_called(browser, ada):
    options = ["a", "b", "a=b", "1=2", "2", "none"]
    made = browser.fill(browser.visit("/propose"), "/propose", title="Names", options="\n".join(options))
    sure = browser.fill(made, "/vote", rank_0="1", rank_1="1", rank_4="2")
    assert "you say: a = b > 2" in sure.words
    done = browser.fill(sure, "/vote")
    reasons = ada.json("why", _of(made))["reasons"]
    assert any("a = b, then 2" in each["text"] for each in reasons), done.words
    made = browser.fill(
        browser.visit("/propose"), "/propose", title="Blank", options="\n".join(options), method="approval"
    )
    sure = browser.fill(made, "/vote", blank="1")
    assert "you say: a blank ballot" in sure.words
    browser.fill(sure, "/vote")
    assert ada.json("show", _of(made))["counts"] == dict.fromkeys(options, 0)


def test_a_ballot_that_was_refused_keeps_its_ticks(browser, ada):
    made = browser.fill(browser.visit("/propose"), "/propose", title="Ticks", options="A\nB\nC", method="approval")
    ada.ok("withdraw", _of(made), "--reason", "No")
    refused = browser.fill(made, "/vote", say=["0", "2"])
    assert refused.status == 409
    assert "was withdrawn" in refused.words
    assert refused.form("/vote")["say"] == ["0", "2"]
    assert "late" in refused.text


def test_a_ticket_is_made_once_however_often_the_form_is_sent(browser, ada):
    fields = browser.visit("/people").form("/people/invite")
    first, second = browser.send("/people/invite", fields), browser.send("/people/invite", fields)
    assert first.status == second.status == 200
    assert first.text == second.text
    assert "meshd:" in first.text


def test_what_was_decided_is_asked_anew_in_its_place(browser, ada, bo):
    first = ada.ok("propose", "Lend the oven", "--policy", "significant", "--text", "-", stdin="On Sundays.").strip()
    assert "in its place" not in browser.visit(f"/decisions/{first}").words
    wait(lambda: any(row["id"] == first for row in bo.rows("list")))
    for person in (ada, bo):
        person.ok("vote", first, "yes", "--yes")
    wait(lambda: ada.json("show", first)["outcome"])
    form = browser.get(browser.visit(f"/decisions/{first}").link("Propose something in its place"))
    assert "In the place of Lend the oven" in form.words
    made = browser.fill(form, "/propose", title="Keep the oven", urgent="1")
    shown = ada.json("show", _of(made))
    assert (shown["repeals"], shown["policy"], shown["text"]) == ([first], "significant", "On Sundays.")


def test_what_a_page_asks_by_itself_counts_as_read_by_nobody(browser, ada, bo):
    bo.ok("say", "Between us", "--to", "Ada")
    wait(lambda: "A letter from Bo" in browser.visit("/?all").words)
    quiet = browser.ask("GET", f"{browser.at}/talk", {"Cookie": browser.cookie, "meshd-quiet": "1"})
    assert "Between us" in quiet.words
    assert "A letter from Bo" in browser.visit("/?all").words
    assert "Between us" in browser.visit("/talk").words
    assert "A letter from Bo" not in browser.visit("/?all").words


def test_what_was_entered_is_all_listed_with_figures_or_without(browser, ada, bo):
    made = ada.json("institutions", "adopt", "mutual-aid")["id"]
    wait(lambda: any(row["id"] == made for row in bo.rows("list")))
    bo.ok("vote", made, "yes", "--yes")
    wait(lambda: "All entries" in browser.visit("/institutions").words)
    ada.ok("entry", "offer", "what=Two hands", "amount=2")
    listed = browser.visit("/entries")
    assert "Two hands" in listed.words
    assert "offer" in browser.get(listed.link("offer")).words
    (offer,) = [row["id"] for row in ada.rows("entries") if row["form"] == "offer" and not row["replaced"]]
    assert f" {offer[:8]}" in listed.words
    need = ada.json("entry", "need", "what=Two hands", "amount=2")["id"]
    form = browser.visit(f"/entry?form=allocation&about={need}")
    assert f'<option value="{offer[:8]}">offer: Two hands</option>' in form.text, (
        "what has an id is chosen by what it is"
    )
    assert "Two hands" in browser.visit("/entries?all=yes").words


def test_an_institution_that_comes_along_is_proposed_and_read_before_the_vote(browser, ada):
    page = browser.visit("/institutions")
    made = browser.fill(page, "/institutions/adopt", set="tenants")
    assert "decided as constitution" in made.words
    assert "entered by nobody" in made.words or " confirm it" in made.words, "its forms"
    assert "a date, like 3d or 2026-12-01" in made.words, "field by field"
    assert "9007199254740991" not in made.words, "and nothing raw"
    shown = ada.ok("show", _of(made))
    assert "a date, like 3d or 2026-12-01" in shown
    assert shown.count("Rents are measured") == made.words.count("Rents are measured") == 1
    assert "tenants" not in [value for each in browser.visit("/institutions").forms() for value in each.get("set", [])]


def test_what_a_decision_comes_to_is_written_down_with_its_tasks(browser, ada, bo):
    identity = ada.ok("propose", "An oven", "--policy", "significant").split()[0]
    ada.ok("vote", identity, "yes", "--yes")
    assert "Write down what it comes to" not in browser.visit(f"/decisions/{identity}").words, "it is not final yet"
    wait(lambda: any(row["id"] == identity for row in bo.rows("list")))
    bo.ok("vote", identity, "yes")
    wait(lambda: "Write down what it comes to" in browser.visit(f"/decisions/{identity}").words)
    page = browser.visit(f"/decisions/{identity}")
    refused = browser.fill(page, "/outcome", text="We buy it", tasks="Ask the shop / Nobody")
    assert refused.status == 409
    assert refused.form("/outcome")["tasks"] == ["Ask the shop / Nobody"]
    done = browser.fill(refused, "/outcome", tasks="Ask the shop / Ada / 2099-01-01\nMeasure the door")
    assert "Ask the shop" in done.words
    assert "Measure the door" in done.words
    assert [row["what"] for row in ada.rows("todo")] == ["Ask the shop", "Measure the door"]
    (door,) = [form for form in done.forms() if form.get("id") == [ada.rows("todo")[1]["id"]]]
    assert browser.send("/meetings/done", door | {"text": ["90 cm"]}).status == 303
    page = browser.visit("/meetings").words.partition("What is done")
    assert "Measure the door" not in page[0]
    assert "Measure the door" in page[2]
    assert "90 cm" in page[2]


def test_the_rule_fits_what_is_asked(browser):
    page = browser.visit("/propose")
    refused = browser.fill(page, "/propose", title="Chair", policy="standard", options="Ada\nBo")
    assert refused.status == 409
    assert "asks for yes or no" in refused.words
    assert "--" not in refused.words.split("How it is counted")[0]
    refused = browser.fill(page, "/propose", title="Chair", seats="2")
    assert "an election names its options" in refused.words.lower()
    assert "<details open" in refused.text
    assert refused.form("/propose")["seats"] == ["2"]


def test_a_recall_that_one_has_signed_is_not_offered_again_and_says_what_stays(browser, ada, bo):
    label = next(row["label"] for row in ada.rows("members") if row["person"] == "Bo")
    made = browser.fill(browser.visit("/mandate"), "/mandate", title="Bo buys flour for all", role="Buyer", holder=label,
                        powers="buy flour", limits="50 a week", again="1")  # fmt: skip
    identity = _of(made)
    assert "the holder may follow themselves" in made.words
    wrong = browser.fill(browser.visit("/mandate"), "/mandate", title="X", holder=label, powers="x", lasts="soon")
    assert "Soon is no time" in wrong.words
    browser.fill(browser.fill(made, "/vote", say="yes"), "/vote")
    wait(lambda: any(row["id"] == identity for row in bo.rows("list")))
    bo.ok("vote", identity, "yes")
    wait(lambda: "Buyer" in browser.visit("/delegates").words)
    page = browser.visit("/delegates")
    assert "50 a week" in page.words
    motion = browser.fill(page, f"/delegates/{identity}/recall", reason="Too dear")
    assert "Signatures for a recall go on counting" in motion.words
    page = browser.visit("/delegates")
    assert "Sign to recall" not in page.words
    assert f"/decisions/{_of(motion)}" in page.text.partition(f'id="{identity}"')[2]


def test_commands_that_a_page_does_are_links(browser, ada):
    error = browser.get(f"{browser.at}/meetings/zzzz")
    assert error.status == 404
    assert error.link("meshd minutes").endswith("/meetings")
