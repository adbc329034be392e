"""What is quoted of other assemblies, in a federation's log or in a proof: of each the facts that its records state,
and the rosters that they reach.

Whoever brought a record, it counts by its own signature. What is quoted gates nothing: it is there for a federation's
rosters and votes to ask. A member may be a federation itself: its members are quoted beside it, and so on, down to
people, `limits.LEVELS` of federations at most. So one federation may be read more than once, with more or fewer levels
below it, and even two that seated each other, neither knowing of the other's decision, come to an end.
"""

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from functools import partial

from meshd_protocol import limits
from meshd_protocol.bodies.actions import Seated, Voiced
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.genesis import Genesis, Seating
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.decisions.outcome import Attested, Cast, Finding
from meshd_protocol.items import Belonging, Decision, Followed, Item, followed_id
from meshd_protocol.meaning import Ground, Meaning
from meshd_protocol.policies import Voices
from meshd_protocol.rosters import Rosters
from meshd_protocol.schema import Body
from meshd_protocol.statements import Quote, Statements
from meshd_protocol.voices import nobody


class Quoted:
    """One assembly, as far as its records are quoted here (`voices.Quotes`). A federation has its members `below`."""

    def __init__(self, statements: Statements, below: "Below | None" = None) -> None:
        assert statements.genesis is not None, "without its genesis nothing of it can be judged"
        self.statements = statements
        self.below = below
        facts, quoting = (statements, nobody) if below is None else (FederalFacts(statements, below), below.get)
        self.rosters = Rosters(statements.assembly, statements.genesis, facts, quoting)
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
        """Learn the rosters that quoted steps reach. What is below is settled."""
        while self.untaken:
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
        known = self.rosters.facts.item
        lacking = self._lacking.get(step)
        if lacking is None or known(lacking) is not None:
            lacking = next((each for each in step.cites if known(each) is None), None)
            if lacking is None:
                self._lacking.pop(step, None)
                return False
            self._lacking[step] = lacking
        return True


class Below:
    """What the rosters of one federation may hold of its members, as far as these are quoted here."""

    def __init__(self, federation: bytes, get: Callable[[bytes], Quoted | None]) -> None:
        self.get = get
        """What is quoted of a member, read with one level less below it."""
        self.gathered: list[Followed | Belonging] = []
        """All of it, in the order in which it came."""
        self._federation = federation
        self._items: dict[bytes, Followed | Belonging] = {}
        self._paths: dict[bytes, Set[bytes]] = {}
        """Through which assemblies each of them is followed: none is followed through itself."""
        self._seen: dict[bytes, Set[bytes]] = {}
        """By member, what of its rosters was taken in."""

    def item(self, identity: bytes) -> Item | None:
        """What a federation's rosters hold of its members under an id."""
        return self._items.get(identity)

    def gather(self, members: Iterable[bytes]) -> None:
        """Take in what came since of some assemblies: all that is in a roster of theirs, and their voices that join and
        leave. So what is quoted of each costs what it says, however many federations lead to it.
        """
        for assembly in members:
            quoted = self.get(assembly)
            if quoted is None:
                continue
            for identity in sorted(quoted.rosters.seen() - self._seen.get(assembly, frozenset())):
                path = quoted.below.path(identity) if quoted.below is not None else frozenset[bytes]()
                if assembly not in path and self._federation not in path:
                    self._add(Followed(followed_id(assembly, identity), assembly, identity), {assembly, *path})
            self._seen[assembly] = frozenset(quoted.rosters.seen())
            for voice in quoted.statements.belongings(self._federation):
                voiced: Voiced = voice.payload
                self._add(Belonging(voice.id, assembly, voice, voiced.matter if voiced.leaves else None), frozenset())

    def path(self, identity: bytes) -> Set[bytes]:
        """The assemblies through which something is followed; none for what is the federation's own."""
        return self._paths.get(identity, frozenset())

    def _add(self, found: Followed | Belonging, path: Set[bytes]) -> None:
        if found.id not in self._items:
            self._items[found.id] = found
            self._paths[found.id] = path
            self.gathered.append(found)


class Quotations:
    """All assemblies that a federation quotes, as they come."""

    def __init__(self, federation: bytes) -> None:
        self._federation = federation
        self._below = Below(federation, self.get)
        self._statements: dict[bytes, Statements] = {}
        self._quoted: dict[tuple[bytes, int], Quoted] = {}
        """By assembly, and how many levels of federations it is read as, at most: those that were asked for."""
        self._settled: set[Quoted] = set()
        """Those that have learnt all that they can by what is quoted, but for what is stale."""
        self._stale: set[bytes] = set()
        """The assemblies of which something came since, and those that may have them among their members."""
        self._readable: dict[bytes, None] = {}
        """The assemblies whose genesis is here and can be read."""
        self._seats: dict[bytes, dict[bytes, None]] = {}
        """By federation, the assemblies that it seats, or was asked to."""
        self._seated_in: dict[bytes, set[bytes]] = {}
        """The same, by who is seated."""
        self._touched: set[bytes] = set()

    def get(self, assembly: bytes) -> Quoted | None:
        """What is quoted of an assembly, as of a member of this federation; None while its genesis is not."""
        return self._read(assembly, levels=limits.LEVELS - 1)

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
        geneses = ((assembly, self._statements[assembly].genesis) for assembly in self._readable)
        return {assembly: genesis.name for assembly, genesis in geneses if genesis is not None}

    def item(self, identity: bytes) -> Item | None:
        """What a federation's rosters hold of its members under an id."""
        return self._below.item(identity)

    def ids(self) -> Iterable[bytes]:
        """The ids of all that a federation's rosters may hold of its members, in the order in which it came."""
        return (item.id for item in self._below.gathered)

    def seats(self, federation: bytes) -> Set[bytes]:
        """The assemblies that a quoted federation seats, or was asked to."""
        return self._seats.get(federation, {}).keys()

    def take(self, assembly: bytes, said: Iterable[Quote | None], steps: Iterable[RosterStep]) -> None:
        """Take in authentic records of an assembly, and steps between its rosters. Nothing follows until `settle`."""
        statements = self._statements.setdefault(assembly, Statements(assembly, grows=True))
        for record, body in (each for each in said if each is not None):
            statements.add(record, body)
            self._take_seats(assembly, body)
        for step in steps:
            statements.steps.setdefault(step)
        self._touch(assembly)
        if statements.genesis is not None and statements.genesis.knows_rules:
            self._readable.setdefault(assembly)

    def every(self) -> Iterable[bytes]:
        """The assemblies of which something is quoted."""
        return self._statements

    def statements(self, assembly: bytes) -> Statements:
        """What an assembly's records state."""
        return self._statements[assembly]

    def settle(self) -> None:
        """Learn what quoted steps reach, and what of it may change a roster: what is below before what is above."""
        came = [assembly for assembly in self._readable if assembly in self._stale]
        for quoted in self._quoted.values():
            if quoted.statements.assembly in self._stale:
                quoted.rosters.forget()
        self._settled = {quoted for quoted in self._settled if quoted.statements.assembly not in self._stale}
        self._stale.clear()
        for assembly in came:
            self._settle(self.get(assembly))
        self._below.gather(came)

    def _settle(self, quoted: Quoted | None) -> None:
        if quoted is None or quoted in self._settled:
            return
        if quoted.below is not None:
            members = self.seats(quoted.statements.assembly)
            for member in members:
                self._settle(quoted.below.get(member))
            quoted.below.gather(members)
        quoted.settle()
        self._settled.add(quoted)

    def touched(self) -> set[bytes]:
        """The matters on which assemblies of which something was quoted since this was asked last have a voice, or
        what they have a voice on has one.
        """
        touched, self._touched = self._touched, set()
        return touched

    def _read(self, assembly: bytes, levels: int) -> Quoted | None:
        """What is quoted of an assembly, read as one of so many levels of federations at most."""
        if assembly not in self._readable:
            return None
        statements = self._statements[assembly]
        assert statements.genesis is not None, "else nothing of it would change anything"
        levels = levels if statements.genesis.assemblies else 0
        if (assembly, levels) not in self._quoted:
            if not levels and statements.genesis.assemblies:
                return None
            statements.inside = partial(self._inside, assembly)
            below = Below(assembly, partial(self._read, levels=levels - 1)) if levels else None
            self._quoted[assembly, levels] = Quoted(statements, below)
        return self._quoted[assembly, levels]

    def _inside(self, assembly: bytes, roster: bytes) -> Set[bytes] | None:
        """Who is in a roster of an assembly; None while that is not known."""
        quoted = self.get(assembly)
        return quoted.rosters.state(roster).inside if quoted is not None and quoted.rosters.knows(roster) else None

    def _take_seats(self, assembly: bytes, body: Body | None) -> None:
        """Keep in mind which assemblies may become members of one that is quoted."""
        seatings: Iterable[Seating] = ()
        if isinstance(body, Genesis):
            seatings = body.assemblies
        elif isinstance(body, Proposal) and body.action is not None and isinstance(body.action[1], Seated):
            seatings = body.action[1].seatings
        for each in seatings:
            self._seats.setdefault(assembly, {}).setdefault(each.assembly)
            self._seated_in.setdefault(each.assembly, set()).add(assembly)

    def _touch(self, assembly: bytes) -> None:
        """Something of an assembly came: what it says may be heard now, and what those say that may have it."""
        fresh, waiting = {assembly}, [assembly]
        while waiting:
            each = waiting.pop()
            if each not in self._stale:
                self._stale.add(each)
                fresh.add(each)
                waiting += self._seated_in.get(each, ())
        for each in fresh & self._statements.keys():
            self._touched |= self._statements[each].matters(self._federation)


class FederalFacts:
    """What a federation's own records state, and what is quoted beside them (`Facts`)."""

    def __init__(self, own: Statements, members: "Quotations | Below") -> None:
        self._own = own
        self._members = members

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        return self._own.item(identity) or self._members.item(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`."""
        return self._own.casts(decision)

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        return self._own.attestations(decision)

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """See `Facts.put_anew`."""
        return self._own.put_anew(decision)
