"""Federations of federations of whole nodes, for tests: at the foot three assemblies of three (`unions`), and above them
federations of one another, each of which has an assembly of people among its members, too.
"""

import base64

from meshd.founding.opening import found_federation
from meshd.service import delegation, federating, proving, quoting
from meshd.service.context import Context
from meshd_protocol.names import text_of
from meshd_protocol.proofs import read_proof
from tests.unions import NAMES, Union
from tests.worlds import commune, exchange, give, propose, world

HEIGHTS = ("Valley", "Land", "Coast", "World")


class Tower:
    """`levels[0]` is the federation of the union's assemblies; the federation before each other one is a member of it,
    and so is the Mill, an assembly of three people. Whoever convened one sits in it for the one below.
    """

    def __init__(self, folder, levels: int) -> None:
        self.folder = folder
        self.union = Union(folder)
        self.levels = [self.union.federation]
        (node,), self.millers = commune(
            folder / "Mill", ["Mia", "Ned", "Olga"], seed=40, nodes=1, clock=self.union.clock, title="Mill"
        )
        exchange(node)
        give(node, *(each.certify() for each in self.millers))
        self.mill = Context(node)
        for name in NAMES:
            self.union.joins(name)
        self.union.sends("Aragon", "Ada", self.levels[0].me, "Delegate")
        for _ in range(1, levels):
            self.raise_()

    def close(self) -> None:
        for each in (self.mill, *self.levels[1:]):
            each.assembly.close()
        self.union.close()

    def found(self, *members: Context) -> Context:
        """A federation of some assemblies, that nobody has joined yet."""
        name = HEIGHTS[len(self.levels)]
        proofs = [base64.b64decode(proving.prove(each, {"id": "roster"})["proof"]) for each in members]
        seatings = [federating.seating_of(each, 1) for each in proofs]
        made = Context(
            found_federation(
                self.folder / name,
                name,
                f"Convener of {name}",
                "a passphrase",
                seatings,
                world=world(50 + len(self.levels), self.union.clock),
            )
        )
        self.levels.append(made)
        for each in proofs:
            with made.assembly.writing():
                quoting.quote_proof(made, read_proof(each))
        return made

    def raise_(self) -> None:
        """One more level: a federation of the highest one and the Mill, which both join, and the one below sends."""
        height, made = len(self.levels), self.found(self.levels[-1], self.mill)
        federation = text_of(made.assembly.id)
        below = self.levels[height - 1]
        joins = federating.federate(below, {"federation": federation})["id"]
        self.decide(height - 1, joins)
        self.quote(height, below, joins)
        self.millers_say(height, federating.federate(self.mill, {"federation": federation})["id"])
        holder = below.assembly.people.label(below.me)
        place = {"seat": federation, "seat_key": text_of(made.me)}
        given = delegation.mandate(below, {"title": "Delegate", "holder": holder, "powers": ["speak"]} | place)["id"]
        self.decide(height - 1, given)
        self.quote(height, below, given)

    def quote(self, height: int, of: Context, words: str) -> int:
        """What a proof by one of its members brings into a federation's log."""
        proof = proving.prove(of, {"id": words})["proof"]
        records: int = quoting.quote(self.levels[height], {"proof": proof})["records"]
        return records

    def millers_send(self, height: int) -> None:
        """The Mill joins a federation, and sends whoever convened it."""
        made = self.levels[height]
        federation = text_of(made.assembly.id)
        self.millers_say(height, federating.federate(self.mill, {"federation": federation})["id"])
        place = {"seat": federation, "seat_key": text_of(made.me)}
        sent = {"title": f"To {made.assembly.title}", "holder": "Mia", "powers": ["speak"]}
        self.millers_say(height, delegation.mandate(self.mill, sent | place)["id"])

    def millers_say(self, height: int, said: str) -> None:
        """The Mill decides something that a federation has to know."""
        row = self.mill.proposal(said)
        give(self.mill.assembly, *(each.ballot(row.id) for each in self.millers[:2]))
        self.quote(height, self.mill, said)

    def voice(self, height: int, of: Context, matter: str) -> str:
        """A member puts a federation's matter to its own members."""
        asked = {"matter": matter, "federation": text_of(self.levels[height].assembly.id)}
        said: str = federating.voice(of, asked)["id"]
        return said

    def decide(self, height: int, matter: str, *, mill: bool = True) -> None:
        """All members of a federation say yes to a proposal of it, down to people; but for the Mill, if it has no seat
        there.
        """
        if height == 0:
            for name in NAMES:
                self.union.quote(name, self.union.says(name, self.levels[0].proposal(matter).id))
            return
        below = self.levels[height - 1]
        said = self.voice(height, below, matter)
        self.decide(height - 1, said)
        self.quote(height, below, said)
        if mill:
            self.millers_say(height, self.voice(height, self.mill, matter))

    def puts(self, title: str = "A common warehouse") -> str:
        """A matter of the highest federation."""
        return text_of(propose(self.levels[-1], title))
