"""Scottish STV: the weighted inclusive Gregory method of the Scottish Local Government Elections Order 2007 (schedule
1, rules 45 to 52), with transfer values cut off at five decimals.

Surpluses go first, the largest before others; then the last candidate is excluded. Of tied ones, who stood higher (or
lower) at the latest stage at which they differed. What the Order does not know, since its papers are invalid there: a
paper with several continuing options in one rank is divided into equal parts, cut off at five decimals.
"""

from collections.abc import Collection, Iterable, Sequence

from meshd_protocol.decisions.counting.result import Ranks, Result, Sheet
from meshd_protocol.decisions.counting.ties import Lot, Stage, UndecidedError, closed_group, counted, looked_back

SCALE = 100_000
"""One vote, in the units of the count."""

Parcel = tuple[int, int, int]
"""Papers that go together: (which ballot, the place of the rank that they have come to, value of each)."""


def count(
    ballots: Sequence[tuple[int, Ranks]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, ranks). The figure of an option is its first preferences."""
    papers: dict[Ranks, int] = {}
    for weight, ranks in ballots:
        if ranks and weight:
            papers[ranks] = papers.get(ranks, 0) + weight
    piles = _Piles(tuple(papers), len(names))
    piles.give(((number, 0, SCALE), many) for number, many in enumerate(papers.values()))
    first = [0] * len(names)
    for ranks, many in papers.items():
        for option in ranks[0]:
            first[option] += many * SCALE // len(ranks[0])
    figures = tuple(total // SCALE for total in first)
    quota = (sum(papers.values()) // (seats + 1) + 1) * SCALE

    def begin(sheet: Sheet, drawn: Lot) -> _Scottish:
        way = _Scottish(sheet, drawn, seats, quota, piles.copy())
        way.note(f"The quota is {quota // SCALE}.")
        return way

    return counted(names, figures, begin, lot)


class _Piles:
    """The papers that each option holds, and what they are worth."""

    def __init__(self, ballots: Sequence[Ranks], options: int) -> None:
        self.ballots = ballots
        self.shared = any(len(rank) > 1 for ranks in ballots for rank in ranks)  # known once for all copies
        self.held: list[dict[Parcel, int]] = [{} for _ in range(options)]
        self.totals = [0] * options
        self.continuing = set(range(options))

    def copy(self) -> "_Piles":
        """The same, to go on from."""
        other = _Piles((), 0)
        other.ballots, other.shared = self.ballots, self.shared
        other.held = [dict(pile) for pile in self.held]
        other.totals, other.continuing = list(self.totals), set(self.continuing)
        return other

    def give(self, parcels: Iterable[tuple[Parcel, int]]) -> None:
        """Put each parcel on the pile of its next continuing option; what has none is not transferable.

        Whoever held a parcel before continues no more, so that of a shared rank the others are left.
        """
        continuing = self.continuing
        for (number, begin, value), many in parcels:
            ranks = self.ballots[number]
            for place in range(begin, len(ranks)):
                rank = ranks[place]
                if len(rank) == 1 and rank[0] not in continuing:
                    continue
                there = [option for option in rank if option in continuing]
                if there:
                    share = value // len(there)
                    for option in there:
                        pile, parcel = self.held[option], (number, place, share)
                        pile[parcel] = pile.get(parcel, 0) + many
                        self.totals[option] += many * share
                    break

    def take(self, option: int) -> dict[Parcel, int]:
        """The papers of an option that is elected or excluded; it holds none after."""
        pile, self.held[option] = self.held[option], {}
        return pile

    def most(self, group: set[int], below: int) -> int | None:
        """The most that one of a group can come to while others of it go and nobody else does.

        None where their order can matter otherwise: a paper comes to be divided between some of the group, so that what
        is cut off depends on it, or somebody else comes to `below`, the quota.
        """
        reach = {option: self.totals[option] for option in group}
        continuing = self.continuing
        others = {option: self.totals[option] for option in continuing - group}
        for holder in group:
            for (number, begin, value), many in self.held[holder].items():
                ranks = self.ballots[number]
                for place in range(begin, len(ranks)):
                    there = [option for option in ranks[place] if option in continuing and option != holder]
                    if not there:
                        continue
                    if group.isdisjoint(there):
                        for option in there:
                            others[option] += many * (value // len(there))
                        break
                    if len(there) > 1:
                        return None
                    reach[there[0]] += many * value
        return None if max(others.values()) >= below else max(reach.values())


class _Scottish:
    """One way through the count."""

    def __init__(self, sheet: Sheet, lot: Lot, seats: int, quota: int, piles: _Piles) -> None:
        self.sheet = sheet
        self.lot = lot
        self.seats = seats
        self.quota = quota
        self.piles = piles
        self.elected: list[int] = []
        self.surpluses: list[int] = []
        self.stages: list[Stage] = []
        # Where the papers are follows from who continues, and from who continued at each of these: an option is
        # elected, a surplus goes; an exclusion too where ranks are shared, since what is cut off depends on the order.
        self.events: tuple[tuple[Sequence[int], frozenset[int]], ...] = ()

    def fork(self, choice: int) -> "_Scottish":
        """Another way, which takes `choice` at the tie: its surplus goes first, or it is excluded."""
        other = _Scottish(self.sheet.copy(), self.lot.taking(choice), self.seats, self.quota, self.piles.copy())
        other.elected, other.surpluses, other.stages = list(self.elected), list(self.surpluses), list(self.stages)
        other.events = self.events
        return other

    def splits(self, winners: Collection[int]) -> bool:
        """Ballots that rank tell options apart."""
        return False

    def run(self) -> list[int]:
        """The elected, in order."""
        while not self.fill():
            self.lot.comes_to((frozenset(self.piles.continuing), self.events), len(self.stages))
            if self.surpluses:
                self.transfer()
            else:
                self.exclude()
        return self.elected

    def fill(self) -> bool:
        """Elect who reached the quota; and who is left, where no more are left than seats. Whether all is done."""
        totals, continuing = self.piles.totals, self.piles.continuing
        reached = sorted((each for each in continuing if totals[each] >= self.quota), key=lambda each: -totals[each])
        if reached:
            self.elect(reached, "reached the quota")
        room = self.seats - len(self.elected)
        if room and len(continuing) <= room:
            self.elect(sorted(continuing, key=lambda each: -totals[each]), "are all that is left for the seats")
            room = 0
        return not room

    def elect(self, options: list[int], why: str) -> None:
        """Mark options as elected; a surplus waits to be transferred."""
        self.sheet.note(f"Elected: {self.sheet.named(options)} ({why}).")
        self.happens(sorted(options))
        for option in options:
            self.elected.append(option)
            self.piles.continuing.discard(option)
            if self.piles.totals[option] > self.quota:
                self.surpluses.append(option)

    def happens(self, options: Sequence[int]) -> None:
        """Remember what the place of papers depends on."""
        self.events = (*self.events, (tuple(options), frozenset(self.piles.continuing)))

    def transfer(self) -> None:
        """Transfer the largest surplus: each paper at its value times surplus over total, cut off at five decimals."""
        tied = looked_back(self.stages, self.surpluses, self.lot, highest=True)
        together = False
        if len(tied) > 1 and self.lot.favoured(tied) is None and self.lot.choice is None and self.lot.together:
            together = self.harmless(tied)
        going = tied if len(tied) == 1 or together else [self.lot.first(tied)]
        self.happens(going)
        self.move_surpluses(self.piles, going)
        self.surpluses = [option for option in self.surpluses if option not in going]
        if together:
            self.lot.passed = True
            text = f"The surpluses of {self.sheet.named(going)} are transferred; their order makes no difference."
        else:
            text = f"The surplus of {self.sheet.named(going)} is transferred."
        self.note(text, passed=together)

    def move_surpluses(self, piles: _Piles, options: Sequence[int]) -> None:
        """Transfer the surpluses of some options."""
        for option in options:
            total = piles.totals[option]
            surplus = total - self.quota
            parcels = piles.take(option)
            piles.totals[option] = self.quota
            piles.give(
                ((number, place, surplus * value // total), many) for (number, place, value), many in parcels.items()
            )

    def harmless(self, tied: Sequence[int]) -> bool:
        """Whether the order of tied surpluses makes no difference: when all have gone, they elect nobody."""
        after = self.piles.copy()
        self.move_surpluses(after, tied)
        return all(after.totals[option] < self.quota for option in after.continuing)

    def exclude(self) -> None:
        """Exclude the last option; its papers go on at the value that they have."""
        out, group = self.last()
        if self.piles.shared:
            self.happens(out)
        for option in out:
            self.piles.continuing.discard(option)
        for option in out:
            parcels = self.piles.take(option)
            self.piles.totals[option] = 0
            self.piles.give(parcels.items())
        if group:
            text = f"{self.sheet.named(out)} are excluded: in whichever order they go, they reach nobody else."
        else:
            text = f"{self.sheet.named(out)}, with the fewest votes, {'is' if len(out) == 1 else 'are'} excluded."
        self.note(text, passed=group)

    def last(self) -> tuple[list[int], bool]:
        """Who is excluded: the last, by the latest stage at which they differed, else by lot. And whether they go as a
        group."""
        totals, continuing = self.piles.totals, self.piles.continuing
        tied = looked_back(self.stages, continuing, self.lot, highest=False)
        room = self.seats - len(self.elected)
        if len(tied) == 1 or (not any(totals[each] for each in tied) and len(continuing) - len(tied) >= room):
            return tied, False  # of several without votes nobody's votes move, in whichever order they go
        tied = self.lot.unlucky(tied)
        choice = tied[0] if len(tied) == 1 else self.lot.chosen()
        if choice is not None:
            return [choice], False
        if self.lot.together:
            now = {option: totals[option] for option in continuing}
            group = closed_group(now, room, lambda among: self.piles.most(among, self.quota))
            if group is not None:
                self.lot.passed = True
                return group, True
        raise UndecidedError(tied, tied[::-1])

    def note(self, text: str, *, passed: bool = False) -> None:
        """Add a stage, with the votes after it."""
        totals = dict(enumerate(self.piles.totals))
        self.stages.append(Stage(totals, passed))
        self.sheet.note(text, totals, SCALE)
