"""What is quoted of other assemblies, in a federation's log or in a proof: of each the facts that its records state,
and the rosters that they reach.

Whoever brought a record, it counts by its own signature. What is quoted gates nothing: it is there for a federation's
rosters and votes to ask.
"""

from collections.abc import Collection, Iterable, Sequence

from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.decisions.outcome import Attested, Cast, Finding
from meshd_protocol.items import Belonging, Decision, Followed, Item, followed_id
from meshd_protocol.meaning import Ground, Meaning
from meshd_protocol.policies import Voices
from meshd_protocol.rosters import Rosters
from meshd_protocol.statements import Quote, Statements


class Quoted:
    """One assembly, as far as its records are quoted here (`voices.Quotes`)."""

    def __init__(self, statements: Statements) -> None:
        assert statements.genesis is not None, "without its genesis nothing of it can be judged"
        self.statements = statements
        self.rosters = Rosters(statements.assembly, statements.genesis, statements)
        self._lacking: dict[RosterStep, bytes] = {}
        """What a step cites and is not known yet."""
        self.taken: dict[RosterStep, None] = {}
        """The steps that have effect, each after the one that it starts from."""

    @property
    def untaken(self) -> bool:
        """Whether a quoted step has no effect by what is quoted."""
        return len(self.taken) < len(self.statements.steps)

    @property
    def ground(self) -> Ground:
        """See `Quotes.ground`."""
        return self.rosters.ground

    def voices(self, federation: bytes, matter: bytes) -> Sequence[Decision]:
        """See `Quotes.voices`."""
        return self.statements.voices(federation, matter)

    def final_on(self, decision: Decision, there: Meaning, whose: int = Voices.SETTLED) -> Finding | None:
        """See `Quotes.final_on`."""
        return self.rosters.final_on(decision, there, whose)

    def follow_problem(self, identity: bytes, before: Meaning, result: Meaning) -> str | None:
        """See `Quotes.follow_problem`."""
        ratified_by = (step.ratified_by for step in self.statements.steps if step.ratified_by is not None)
        return self.rosters.follow_problem(identity, before, result, ratified_by)

    def settle(self) -> None:
        """Learn the rosters that quoted steps reach."""
        while True:
            ready = [
                step
                for step in self.statements.steps
                if step not in self.taken
                and not self._lacks(step)
                and self.rosters.knows(step.parent)
                and self.rosters.problem(step.parent, step.cites, step.ratified_by) is None
            ]
            if not ready:
                return
            for step in ready:
                self.rosters.learn(step.parent, step.cites)
                self.taken[step] = None

    def _lacks(self, step: RosterStep) -> bool:
        """Whether something that a step cites is not known yet: steps that name nothing must not make all else slow."""
        lacking = self._lacking.get(step)
        if lacking is None or self.statements.item(lacking) is not None:
            lacking = next((each for each in step.cites if self.statements.item(each) is None), None)
            if lacking is None:
                self._lacking.pop(step, None)
                return False
            self._lacking[step] = lacking
        return True


class Quotations:
    """All assemblies that a federation quotes, as they come."""

    def __init__(self, federation: bytes) -> None:
        self._federation = federation
        self._statements: dict[bytes, Statements] = {}
        self._quoted: dict[bytes, Quoted] = {}
        self._items: dict[bytes, Item] = {}
        self._open: dict[bytes, set[bytes]] = {}
        """By assembly, what is quoted of it and may change a roster, and is not an item yet."""
        self._touched: set[bytes] = set()

    def get(self, assembly: bytes) -> Quoted | None:
        """What is quoted of an assembly; None while its genesis is not."""
        return self._quoted.get(assembly)

    def known(self, assembly: bytes) -> Collection[bytes]:
        """The ids of the records of an assembly that are quoted here."""
        statements = self._statements.get(assembly)
        return statements.known() if statements is not None else ()

    def tells(self, assembly: bytes, step: RosterStep) -> bool:
        """Whether a step between an assembly's rosters is quoted here."""
        statements = self._statements.get(assembly)
        return statements is not None and step in statements.steps

    def names(self) -> dict[bytes, str]:
        """What the quoted assemblies are called."""
        return {each: quoted.ground.genesis.name for each, quoted in self._quoted.items()}

    def item(self, identity: bytes) -> Item | None:
        """What a federation's rosters hold of its members under an id."""
        return self._items.get(identity)

    def ids(self) -> Iterable[bytes]:
        """The ids of all that a federation's rosters may hold of its members, in the order in which it came."""
        return self._items

    def take(self, assembly: bytes, said: Iterable[Quote | None], steps: Iterable[RosterStep]) -> None:
        """Take in authentic records of an assembly, and steps between its rosters. Nothing follows until `settle`."""
        statements = self._statements.setdefault(assembly, Statements(assembly, grows=True))
        for record, body in (each for each in said if each is not None):
            statements.add(record, body)
            self._open.setdefault(assembly, set()).add(record.id)
        for step in steps:
            statements.steps.setdefault(step)
        self._touched |= statements.matters(self._federation)
        genesis = statements.genesis  # a federation has no seat in another one: nobody would see how deep that goes
        if assembly not in self._quoted and genesis is not None and genesis.knows_rules and not genesis.assemblies:
            self._quoted[assembly] = Quoted(statements)

    def every(self) -> Iterable[bytes]:
        """The assemblies of which something is quoted."""
        return self._statements

    def statements(self, assembly: bytes) -> Statements:
        """What an assembly's records state."""
        return self._statements[assembly]

    def settle(self) -> None:
        """Learn what quoted steps reach, and what of it may change a roster."""
        for quoted in self._quoted.values():
            quoted.settle()
        for assembly in self._quoted:
            open_ = self._open.get(assembly, set())
            for identity in sorted(open_):
                item = self._statements[assembly].item(identity)
                if item is None:
                    continue
                open_.discard(identity)
                found = self._as_quoted(assembly, item)
                if found is not None:
                    self._items[found.id] = found

    def touched(self) -> set[bytes]:
        """The matters on which assemblies of which something was quoted since this was asked last have a voice."""
        touched, self._touched = self._touched, set()
        return touched

    def _as_quoted(self, assembly: bytes, item: Item) -> Followed | Belonging | None:
        """What a federation's rosters may hold of a member's item."""
        if not isinstance(item, Decision):
            return Followed(followed_id(assembly, item.id), assembly, item.id)
        if item.verb != Verb.VOICE:
            cited = item.verb not in (0, Verb.RATIFY)
            return Followed(followed_id(assembly, item.id), assembly, item.id) if cited else None
        voiced: Voiced = item.payload
        if voiced.federation != self._federation or not (voiced.leaves or voiced.matter == self._federation):
            return None
        return Belonging(item.id, assembly, item, voiced.matter if voiced.leaves else None)


class FederalFacts:
    """What a federation's own records state, and what is quoted beside them (`Facts`)."""

    def __init__(self, own: Statements, quotations: Quotations) -> None:
        self._own = own
        self._quotations = quotations

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        return self._own.item(identity) or self._quotations.item(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`."""
        return self._own.casts(decision)

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        return self._own.attestations(decision)

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """See `Facts.put_anew`."""
        return self._own.put_anew(decision)
