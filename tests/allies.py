"""A federation whose three assemblies can play cards, for tests: two of one person, one of four; each sends somebody.

Everybody is a witness at home, and each assembly has a policy by which a witness attests one card for one plan.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meshd.founding.opening import found_federation
from meshd.service import cards, delegation, federating, governing, institutions, proposing, proving, quoting, voting
from meshd.service.bridging import cross
from meshd.service.context import Context
from meshd.service.results import outcome_of
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.names import text_of
from meshd_protocol.policies import DAY
from tests.worlds import Clock, commune, exchange, newcomer, world

PEOPLE = {"Aragon": ["Ada"], "Bakery": ["Di"], "Harbour": ["Gil", "Hal", "Ivo", "Jo"]}
DAY_MS = 1000 * DAY


class Allies:
    """`homes` of each assembly, by its name; the first one's person sits in the federation, with a node of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.homes: dict[str, list[Context]] = {}
        for n, (name, people) in enumerate(PEOPLE.items()):
            nodes, _ = commune(folder / name, people, seed=n + 1, clock=self.clock, witnesses=len(people), title=name)
            exchange(*nodes)
            self.homes[name] = [Context(node) for node in nodes]
        seatings = [Seating(each[0].assembly.id, 1, each[0].standing().head) for each in self.homes.values()]
        convener = found_federation(folder / "F", "Valley", "Zoe", "pw", seatings, world=world(9, self.clock))
        self.seats: dict[str, Context] = {}
        self.convener = Context(convener)
        for n, name in enumerate(PEOPLE):
            self.sends(name, newcomer(folder / "F", self.convener, PEOPLE[name][0], seed=20 + n, clock=self.clock))
        self.meet()

    @property
    def id(self) -> bytes:
        """The federation's."""
        return self.convener.assembly.id

    def sends(self, name: str, made: Any) -> None:
        """An assembly joins, gives itself the policy `card`, and sends the person of its first home."""
        home = self.homes[name][0]
        exchange(self.convener.assembly, made.assembly)
        rules = {"finality": "certified", "method": "election", "quorum": "1/4", "open_for": DAY, "grace": 0}
        seat = {"seat": text_of(self.id), "seat_key": text_of(made.context.me)}
        sent = {"title": "Delegate", "holder": home.assembly.keys.person, "powers": ["speak"]} | seat
        for said in (
            governing.amend(home, {"name": "card", "once": True} | rules)["id"],
            federating.federate(home, {"federation": text_of(self.id)})["id"],
            delegation.mandate(home, sent)["id"],
        ):
            self.all_say(name, said, "yes")
        self.seats[name] = made.context
        self.carry(name, self.convener)

    def all_say(self, name: str, identity: str, *words: str) -> None:
        """Everybody of an assembly who has not voted on it does: as many words as people, or one for all."""
        homes = self.homes[name]
        self.meet_at_home(name)
        said = words if len(words) == len(homes) else words * len(homes)
        for home, word in zip(homes, said, strict=True):
            row = home.proposal(identity)
            mine = home.assembly.store.find(tables.Ballot, proposal=row.id, member=home.me)
            if not mine and outcome_of(home, row).outcome is None:
                voting.vote(home, {"id": identity, "choices": [word], "late": True})
            self.meet_at_home(name)

    def meet_at_home(self, name: str) -> None:
        """All nodes of an assembly have everything."""
        exchange(*(each.assembly for each in self.homes[name]))

    def meet(self) -> None:
        """All nodes of the federation have everything."""
        exchange(self.convener.assembly, *(each.assembly for each in self.seats.values()))

    def carry(self, name: str, seat: Context | None = None) -> None:
        """The home of an assembly that has both logs carries between them."""
        cross((seat or self.seats[name]).assembly, self.homes[name][0].assembly)
        self.meet_at_home(name)

    def carry_all(self) -> None:
        """Everybody carries and meets, until all that was said anywhere is everywhere."""
        for _ in range(2):
            for name in PEOPLE:
                self.carry(name)
            self.meet()

    def decide(self, identity: bytes, names: Sequence[str] = ("Aragon", "Bakery", "Harbour")) -> None:
        """Assemblies say yes to a matter of the federation."""
        self.carry_all()
        for name in names:
            home = self.homes[name][0]
            self.all_say(name, federating.voice(home, {"matter": text_of(identity)})["id"], "yes")
        self.carry_all()

    def adopt(self, what: str = "federation") -> None:
        """The federation adopts a set."""
        seat = self.seats["Aragon"]
        made = institutions.institutions(seat, {"do": "adopt", "what": what})
        self.meet()
        self.decide(seat.proposal(made["id"]).id)

    def plan(self, *fields: str, title: str = "The great day", begins: int = 10) -> bytes:
        """Aragon's delegate puts a plan; nobody has decided on it."""
        now = self.clock.now_ms
        dates = [
            f"cards-until={now + (begins - 3) * DAY_MS}", f"begins={now + begins * DAY_MS}",
            f"ends={now + (begins + 1) * DAY_MS}",
        ]  # fmt: skip
        asked = {"title": title, "form": "landmark", "policy": "significant"}
        given = ["what=A walk", "where=Everywhere", "go=2", "abort=2", "captured=0", *dates]
        kept = [each for each in given if each.partition("=")[0] not in {mine.partition("=")[0] for mine in fields}]
        made = proposing.propose(self.seats["Aragon"], asked | {"fields": [*kept, *fields]})
        self.meet()
        return self.seats["Aragon"].proposal(made["id"]).id

    def plays(self, name: str, plan: bytes, *words: str) -> str:
        """An assembly decides on its card, and its witnesses attest."""
        question: str = cards.card(self.homes[name][0], {"plan": text_of(plan)})["id"]
        self.all_say(name, question, *words)
        self.measure(name)
        return question

    def measure(self, *names: str) -> None:
        """Nodes notice what time it is; witnesses attest what is over."""
        for name in names or PEOPLE:
            for home in self.homes[name]:
                witness.keep_time(home.assembly)
            self.meet_at_home(name)

    def pass_time(self, days: int) -> None:
        """So many days pass for everybody."""
        for _ in range(4):
            self.clock.now_ms += days * DAY_MS // 4
            self.measure()

    def bring(self, name: str, identity: str, seat: Context) -> None:
        """Somebody carries a proof of what an assembly decided to one seat alone."""
        proof = proving.prove(self.homes[name][0], {"id": identity})["proof"]
        quoting.quote(seat, {"proof": proof})

    def close(self) -> None:
        """Close every node."""
        for each in (self.convener, *self.seats.values(), *(home for homes in self.homes.values() for home in homes)):
            each.assembly.close()
