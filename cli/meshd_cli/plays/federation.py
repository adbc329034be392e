"""Three co-operatives of three and their federation: parted twice, with a delegate who votes against her mandate, they
come to one decision that anybody can verify.
"""

from functools import partial
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.errors import CommandError
from meshd_cli.plays.people import Person, chapter, let_in, look_around, sees, show, stage, tell, wait

_NAMES = ("Aragon", "Bakery", "Harbour")
_PEOPLE = ("Ada", "Bo", "Cy", "Di", "Eve", "Flo", "Gil", "Hal", "Ivo")
_FEDERATION = "Valley"


def play(*, as_json: bool) -> None:
    """Play it. Raises CommandError where a step fails."""
    with stage(*_PEOPLE) as (root, people):
        federation = _found(root, people)
        _join(root, people, federation)
        matter = _a_matter(people)
        rota = _a_delegate_alone(root, people)
        proof = _islands(root, people, matter)
        _together(people, matter)
        shown = _verify(root, proof, federation)
    ada, bo = people[:2]
    lines = [(ada, f"--assembly {_FEDERATION} why {matter[:8]}"), (bo, "voices"), (bo, "list")]
    look_around([*lines, (ada, f"--assembly {_FEDERATION} why {rota[:8]} --of Bakery")], root, as_json=as_json)
    if as_json:
        homes = [str(person.home) for person in people]
        output.emit({"ok": True, "homes": homes, "federation": federation, "matter": matter, "proof": shown})


def _found(root: Path, people: list[Person]) -> str:
    """Three assemblies, and the federation, which the first of Aragon convenes. Returns its id."""
    chapter("Three co-operatives, of three people each. Ada of Aragon convenes a federation of them, the Valley.")
    proofs: list[str] = []
    for number, name in enumerate(_NAMES):
        founder, *others = people[3 * number : 3 * number + 3]
        founder("init", name, "--as", founder.name)
        founder.run()
        for newcomer, vouchers, voters in ((others[0], 1, 0), (others[1], 2, 1)):
            let_in(founder, newcomer, (founder, *others)[:vouchers], tuple(others[:voters]))
        others[1]("connect", others[0].address)
        proofs.append(str(root / f"{name.lower()}.proof"))
        founder("prove", "roster", "--out", proofs[-1])
        founder.stop()
    ada = people[0]
    ada("init", _FEDERATION, "--as", ada.name, "--federation", *proofs)
    _run(people, ada)
    federation: str = ada.looks("whoami", assembly=_FEDERATION)["assembly"]
    return federation


def _run(people: list[Person], founder: Person) -> None:
    """Start a founder's daemon, which runs both logs of her home, and have her people meet it."""
    founder.run()
    own = _NAMES[people.index(founder) // 3]
    founder.assembly = own
    for other in people[people.index(founder) + 1 : people.index(founder) + 3]:
        other("connect", founder.addresses[own], quiet=True)


def _join(root: Path, people: list[Person], federation: str) -> None:
    """Each assembly decides to join, and sends somebody."""
    chapter("Each decides at home to join, and whom it sends. Ada's node carries Aragon's word, files the others'.")
    ada = people[0]
    for number, name in enumerate(_NAMES):
        founder, second, _ = people[3 * number : 3 * number + 3]
        if founder is not ada:
            ticket = ada.at(_FEDERATION)("invite")["ticket"]
            show(founder.name, ("join", "meshd:…", "--as", founder.name))
            founder("join", ticket, "--as", founder.name, quiet=True)
            _run(people, founder)
        key = founder.looks("whoami", assembly=federation)["member"]
        joins = founder("federate", federation)["id"]
        powers = ("--power", "speak", "--power", "voice standard")
        sends = founder("mandate", "Delegate", "--holder", founder.name, *powers, "--seat", federation, key)["id"]
        for voter, decision in ((second, joins), (founder, sends), (second, sends)):
            wait(f"{voter.name} to see it", partial(sees, voter, decision))
            voter("vote", decision[:8], "yes")
        for decision in (joins, sends):
            wait(f"{founder.name} to see it decided", partial(_is_final, founder, decision))
        for what, decision in (("joins", joins), ("sends", sends)) if founder is not ada else ():
            file = str(root / f"{name.lower()}-{what}.proof")
            founder("prove", decision[:8], "--out", file)
            ada.at(_FEDERATION)("quote", file)
    for founder, name in zip(people[::3], _NAMES, strict=True):
        wait(f"{founder.name} to sit there for {name}", partial(_sits, founder, federation))
    tell("Three assemblies are its members. Who sits there carries and speaks; nobody decides for those who sent them.")


def _a_matter(people: list[Person]) -> str:
    """A matter of the federation, which the bridges bring to the members of each assembly. Returns it."""
    chapter("Ada puts a large matter. The delegates' nodes bring it home, to those who decide.")
    ada, bo, eve, hal = people[0], people[1], people[4], people[7]
    matter: str = ada.at(_FEDERATION)("propose", "A common warehouse", "--policy", "significant")["id"]
    for person in (bo, eve, hal):
        wait(f"{person.name} to be asked", partial(_is_asked, person, matter))
    tell(f"  Bo, Eve and Hal read at home: {_FEDERATION} asks what we say: A common warehouse.")
    return matter


def _a_delegate_alone(root: Path, people: list[Person]) -> str:
    """Bakery's delegate votes against her mandate, and is recalled. Returns the matter."""
    chapter("A small matter: delegates vote while their assembly says nothing. Di votes as nobody asked for.")
    ada, di, eve, flo, gil = people[0], *people[3:6], people[6]
    rota: str = ada.at(_FEDERATION)("propose", "Bakery opens on all Sundays", "--policy", "standard")["id"]
    wait("Di to see it", partial(_there, di, rota))
    di.at(_FEDERATION)("vote", rota[:8], "yes", "--yes")
    wait("Ada to see the ballot", lambda: _shown(ada, rota)["seen"] == 1)
    recall = eve("recall", "Delegate", "--reason", "We never said so")["id"]
    wait("Flo to see the recall", partial(sees, flo, recall))
    flo("vote", recall[:8], "yes")
    file = str(root / "recall.proof")
    eve("prove", recall[:8], "--out", file)
    gil.at(_FEDERATION)("quote", file)
    wait("Ada to see the seat empty", lambda: _shown(ada, rota)["seen"] == 0)
    tell("Bakery recalled Di at home. The ballot counts for nothing, the seat is empty, the Valley has a new key.")
    return rota


def _islands(root: Path, people: list[Person], matter: str) -> str:
    """Parted twice, they decide the matter: by stick, through a delegate of another assembly. Returns the proof."""
    chapter("The network fails: Aragon is cut off, and Bakery, which nobody sits for, is too.")
    ada, bo, cy, di, eve, flo, gil = people[:7]
    ada.stop()
    di.stop()
    tell("  Ada's and Di's machines are gone. Each assembly decides at home what it says.")
    proof = ""
    for first, second, state in ((eve, flo, "provisional"), (bo, cy, "settled")):
        said = first("voice", matter[:8])["id"]
        first("vote", said[:8], "yes")
        wait(f"{second.name} to see it", partial(sees, second, said))
        second("vote", said[:8], "yes")
        proof = str(root / f"{first.name.lower()}s.proof")
        wait(f"{first.name} to see it decided", partial(_is_final, first, said))
        first("prove", said[:8], "--out", proof)
        tell("  A stick is carried to Gil of Harbour. Whoever brings it in, it counts the same.")
        gil.at(_FEDERATION)("quote", proof)
        row = _shown(gil, matter)
        if row["state"] != state:
            raise CommandError(f"Gil shows {row['title']} as {row['state']} instead of {state}")
        tell(f"  {row['title']}: {row['state']} (weight {row['counts']['yes']} yes of {row['electorate']}).")
    tell("Two of three assemblies said yes, each by its own people: final, without Ada's node or Di's.")
    proof = str(root / "warehouse.proof")
    gil.at(_FEDERATION)("prove", matter[:8], "--out", proof)
    return proof


def _together(people: list[Person], matter: str) -> None:
    """The network is back: everybody learns the same, and members see it proved at home."""
    chapter("The network is back. Ada's node learns what was decided, and tells Aragon, with the proof.")
    ada, bo, gil = people[0], people[1], people[6]
    _run(people, ada)
    ada.at(_FEDERATION)("connect", gil.looks("status", assembly=_FEDERATION)["addresses"][0])
    wait("Ada to see it final", lambda: _shown(ada, matter)["outcome"] == "passed")
    wait("Bo to see it proved", lambda: _told(bo, matter) is not None)
    told = _told(bo, matter)
    bo("voices")
    tell(f"  Bo, who sits nowhere, reads at home: {_FEDERATION}: {told}.")
    for line in ada.at(_FEDERATION)("why", matter[:8], "--of", "Bakery")["reasons"]:
        tell(f"  {'+' if line['holds'] else '-'} {line['text']}")


def _verify(root: Path, proof: str, federation: str) -> dict[str, Any]:
    """A stranger, who has no home, verifies it."""
    chapter("A stranger who knows the federation's id alone verifies the proof, down to the ballots.")
    stranger = Person("Zoe", root / "nobody")
    shown: dict[str, Any] = stranger("verify", proof, "--of", federation)
    if not shown["valid"] or shown["outcome"] != "passed":
        raise CommandError("the proof does not verify")
    for reason in shown["reasons"]:
        tell(f"  + {reason}")
    tell(f"  {Path(proof).stat().st_size / 1000:.0f} kB.")
    return {"outcome": shown["outcome"], "reasons": shown["reasons"], "bytes": Path(proof).stat().st_size}


def _shown(person: Person, matter: str) -> dict[str, Any]:
    shown: dict[str, Any] = person.looks("show", {"id": matter[:8]}, _FEDERATION)
    return shown


def _there(person: Person, matter: str) -> bool:
    """Whether somebody's node has a matter of the federation."""
    return any(row["id"] == matter for row in person.looks("list", assembly=_FEDERATION))


def _is_final(person: Person, decision: str) -> bool:
    return bool(person.looks("show", {"id": decision[:8]})["outcome"])


def _sits(person: Person, federation: str) -> bool:
    """Whether somebody sits in the federation, by their own node."""
    try:
        return bool(person.looks("whoami", assembly=federation)["role"] == "member")
    except CommandError:
        return False


def _is_asked(person: Person, matter: str) -> bool:
    waiting = person.looks("status")["waiting"]
    return any(row["what"] == "matter" and row["id"] == matter for row in waiting)


def _told(person: Person, matter: str) -> str | None:
    """What somebody's node shows of a result that was checked there."""
    rows = person.looks("voices")["matters"]
    return next((row["told"] for row in rows if row["id"] == matter and row["outcome"] is not None), None)
