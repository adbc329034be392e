"""Scottish STV: the weighted inclusive Gregory method of the Scottish Local Government Elections Order 2007 (schedule
1, rules 45 to 52), with transfer values cut off at five decimals.

Surpluses go first, the largest before others; then the last candidate is excluded. Of tied ones, who stood higher (or
lower) at the latest stage at which they differed. What the Order does not know, since its papers are invalid there: a
paper with several continuing options in one rank is divided into equal parts, cut off at five decimals.
"""

from collections.abc import Sequence

from meshd_protocol.decisions.counting.result import Pick, Ranks, Result, Sheet, counted

SCALE = 100_000
"""One vote, in the units of the count."""

Parcel = tuple[Ranks, int, int]
"""(ranks that are left, papers, value of each)."""


def count(
    ballots: Sequence[tuple[int, Ranks]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, ranks). The figure of an option is its first preferences."""
    papers: dict[Ranks, int] = {}
    for weight, ranks in ballots:
        if ranks:
            papers[ranks] = papers.get(ranks, 0) + weight
    parcels = [(ranks, number, SCALE) for ranks, number in papers.items() if number]
    first = [0] * len(names)
    for ranks, number in papers.items():
        for option in ranks[0]:
            first[option] += number * SCALE // len(ranks[0])
    figures = tuple(total // SCALE for total in first)

    def run(sheet: Sheet, pick: Pick) -> list[int]:
        return _Scottish(sheet, pick, parcels, len(names), seats).run()

    return counted(names, figures, run, lot)


class _Piles:
    """The papers that each option holds, and what they are worth."""

    def __init__(self, options: int, parcels: Sequence[Parcel]) -> None:
        self.held: list[dict[tuple[Ranks, int], int]] = [{} for _ in range(options)]
        self.totals = [0] * options
        self.continuing = set(range(options))
        self.give(parcels)

    def give(self, parcels: Sequence[Parcel]) -> None:
        """Put each parcel on the pile of its next continuing option; what has none is not transferable."""
        for ranks, number, value in parcels:
            self._give(ranks, number, value)

    def _give(self, ranks: Ranks, number: int, value: int) -> None:
        continuing = self.continuing
        for place, rank in enumerate(ranks):
            if len(rank) == 1:
                if rank[0] in continuing:
                    self._put(rank[0], (ranks[place + 1 :], value), number)
                    return
                continue
            there = [option for option in rank if option in continuing]
            if not there:
                continue
            share = value // len(there)
            for option in there:
                others = tuple(each for each in there if each != option)
                self._put(option, (((others,) if others else ()) + ranks[place + 1 :], share), number)
            return

    def _put(self, option: int, paper: tuple[Ranks, int], number: int) -> None:
        pile = self.held[option]
        pile[paper] = pile.get(paper, 0) + number
        self.totals[option] += number * paper[1]

    def take(self, option: int) -> list[Parcel]:
        """The papers of an option that is elected or excluded; it holds none after."""
        pile, self.held[option] = self.held[option], {}
        return [(ranks, number, value) for (ranks, value), number in pile.items()]


class _Scottish:
    """One run of the count."""

    def __init__(self, sheet: Sheet, pick: Pick, parcels: Sequence[Parcel], options: int, seats: int) -> None:
        self.sheet = sheet
        self.pick = pick
        self.seats = seats
        self.piles = _Piles(options, parcels)
        self.quota = (sum(number for _, number, _ in parcels) // (seats + 1) + 1) * SCALE
        self.elected: list[int] = []
        self.surpluses: list[int] = []
        self.stages: list[list[int]] = []

    def run(self) -> list[int]:
        """The elected, in order."""
        self.note(f"The quota is {self.quota // SCALE}.")
        while not self.fill():
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
        for option in options:
            self.elected.append(option)
            self.piles.continuing.discard(option)
            if self.piles.totals[option] > self.quota:
                self.surpluses.append(option)

    def transfer(self) -> None:
        """Transfer the largest surplus: each paper at its value times surplus over total, cut off at five decimals."""
        option = self.chosen(self.surpluses, highest=True)[0]
        self.surpluses.remove(option)
        total = self.piles.totals[option]
        surplus = total - self.quota
        parcels = [(ranks, number, surplus * value // total) for ranks, number, value in self.piles.take(option)]
        self.piles.totals[option] = self.quota
        self.piles.give(parcels)
        self.note(f"The surplus of {self.sheet.names[option]} is transferred.")

    def exclude(self) -> None:
        """Exclude the last option; its papers go on at the value that they have."""
        out = self.chosen(sorted(self.piles.continuing), highest=False)
        for option in out:
            self.piles.continuing.discard(option)
        for option in out:
            parcels = self.piles.take(option)
            self.piles.totals[option] = 0
            self.piles.give(parcels)
        self.note(f"{self.sheet.named(out)}, with the fewest votes, {'is' if len(out) == 1 else 'are'} excluded.")

    def chosen(self, among: Sequence[int], *, highest: bool) -> list[int]:
        """The first (or last) of some options, by the latest stage at which they differ, else by lot."""
        tied = list(among)
        for totals in reversed(self.stages):
            edge = (max if highest else min)(totals[each] for each in tied)
            tied = [each for each in tied if totals[each] == edge]
            if len(tied) == 1:
                return tied
        if highest:
            return [self.pick(tuple(tied))]
        room = self.seats - len(self.elected)
        if not any(self.piles.totals[each] for each in tied) and len(self.piles.continuing) - len(tied) >= room:
            return tied  # nobody's votes move: in whichever order they go, the rest is the same
        while len(tied) > 1:
            tied.remove(self.pick(tuple(tied)))
        return tied

    def note(self, text: str) -> None:
        """Add a stage, with the votes after it."""
        self.stages.append(list(self.piles.totals))
        self.sheet.note(text, dict(enumerate(self.piles.totals)), SCALE)
