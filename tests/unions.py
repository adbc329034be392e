"""Three assemblies of whole nodes, and a federation of them, for tests."""

from meshd.founding.opening import found_federation
from meshd.service import checking, delegation, federating, proving, quoting
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from tests.worlds import Clock, commune, exchange, give, world

NAMES = {"Aragon": ["Ada", "Bo", "Cy"], "Bakery": ["Di", "Eve", "Flo"], "Harbour": ["Gil", "Hal", "Ivo"]}


def checking_ok(context: Context) -> bool:
    """Whether a recount of the log comes to what is shown."""
    steps = checking.check(context, {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bool(end.value["ok"])


class Union:
    """Three assemblies of three, each with one node, and a federation of them that one person convened."""

    def __init__(self, folder) -> None:
        self.clock = Clock()
        self.nodes, self.others = {}, {}
        for n, (name, people) in enumerate(NAMES.items()):
            (node,), others = commune(folder / name, people, seed=n + 1, nodes=1, clock=self.clock, title=name)
            exchange(node)
            give(node, *(each.certify() for each in others))
            self.nodes[name], self.others[name] = Context(node), others
        seatings = [Seating(each.assembly.id, 1, each.standing().head) for each in self.nodes.values()]
        self.federation = Context(
            found_federation(folder / "F", "Valley", "Zoe", "a passphrase", seatings, world=world(9, self.clock))
        )

    def close(self) -> None:
        for each in (*self.nodes.values(), self.federation):
            each.assembly.close()

    def prove(self, name: str, words: str) -> str:
        return proving.prove(self.nodes[name], {"id": words})["proof"]

    def quote(self, name: str, words: str) -> int:
        """What a proof by one assembly brings into the federation's log."""
        return quoting.quote(self.federation, {"proof": self.prove(name, words)})["records"]

    def quote_alone(self, name: str, record: bytes) -> None:
        """One record of an assembly is quoted without what it rests on."""
        kept = self.nodes[name].assembly.store.get(tables.Kept, id=record)
        body = Quotation(self.nodes[name].assembly.id, ((kept.header, kept.signature, kept.body),))
        with self.federation.assembly.writing():
            self.federation.assembly.write(Kind.QUOTATION, body)

    def joins(self, name: str) -> str:
        """An assembly decides to join, and its decision is quoted."""
        said = federating.federate(self.nodes[name], {"federation": text_of(self.federation.assembly.id)})["id"]
        self.yes(name, said)
        self.quote(name, said)
        return said

    def yes(self, name: str, said: str, count: int = 2) -> None:
        """Others of an assembly say yes."""
        row = self.nodes[name].proposal(said)
        give(self.nodes[name].assembly, *(each.ballot(row.id) for each in self.others[name][:count]))

    def says(self, name: str, matter: bytes, count: int = 2) -> str:
        """An assembly decides what it says on a matter."""
        asked = {"matter": text_of(matter), "federation": text_of(self.federation.assembly.id)}
        said = federating.voice(self.nodes[name], asked)["id"]
        self.yes(name, said, count)
        return said

    def sends(self, name: str, who: str, key: bytes, title: str, powers: tuple[str, ...] = ("speak",)) -> str:
        """An assembly sends somebody with a member key there, and that is quoted."""
        given = self.mandates(name, who, key, title, powers)
        self.quote(name, given)
        return given

    def mandates(self, name: str, who: str, key: bytes, title: str, powers: tuple[str, ...] = ("speak",)) -> str:
        """An assembly decides to send somebody with a member key there."""
        seat = {"seat": text_of(self.federation.assembly.id), "seat_key": text_of(key)}
        given = delegation.mandate(self.nodes[name], {"title": title, "holder": who, "powers": list(powers)} | seat)
        self.yes(name, given["id"])
        said: str = given["id"]
        return said
