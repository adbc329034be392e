"""The method of equal shares (Peters and Skowron 2020; Peters, Pierczyński and Skowron 2021), for budgets and seats.

Every ballot gets an equal share of the budget. An option is paid for by those who approve of it, each paying the same
part of what it is worth to her (its cost) as far as her share goes; the option for which that part is smallest is taken
next. What is left when nobody can pay for another option goes to options by the number of approvals, as far as it
reaches. For seats, every option costs 1 and the budget is the number of seats.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction
from math import gcd

from meshd_protocol.decisions.counting.result import Result, Sheet
from meshd_protocol.decisions.counting.ties import Lot, UndecidedError, counted

_SHOWN = 64
"""Up to so many options every round shows the parts of all; of more, of those alone that had to be compared."""


def count(
    ballots: Sequence[tuple[int, tuple[int, ...]]],
    names: Sequence[str],
    seats: int = 1,
    lot: Sequence[int] = (),
    *,
    costs: Sequence[int] = (),
    budget: int | None = None,
    complete: bool = True,
) -> Result:
    """Count `ballots`, each (weight, the options that it approves of). The figure of an option is its approvals.

    `complete` off leaves out the second part, so that money may be left.
    """
    prices = list(costs) or [1] * len(names)
    money = seats if budget is None else budget
    approving = _Approving(ballots, prices)
    figures = tuple(approving.numbers)

    def begin(sheet: Sheet, drawn: Lot) -> _Shares:
        sheet.note("How many ballots approve of each.", dict(enumerate(figures)))
        return _Shares(sheet, drawn, approving, money, complete=complete)

    return counted(names, figures, begin, lot)


class _Approving:
    """Who approves of what, and what it costs. Ballots that say the same are one, with their weights together."""

    def __init__(self, ballots: Sequence[tuple[int, tuple[int, ...]]], prices: Sequence[int]) -> None:
        weights: dict[frozenset[int], int] = {}
        for weight, chosen in ballots:
            approved = frozenset(chosen)
            weights[approved] = weights.get(approved, 0) + weight
        self.prices = prices
        self.chosen = [sorted(approved) for approved, weight in weights.items() if weight]
        self.weights = [weight for weight in weights.values() if weight]
        self.supporters: list[list[int]] = [[] for _ in prices]
        for number, chosen_ in enumerate(self.chosen):
            for option in chosen_:
                self.supporters[option].append(number)
        self.numbers = [sum(self.weights[each] for each in supporters) for supporters in self.supporters]
        twins: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for option, supporters in enumerate(self.supporters):
            twins.setdefault((prices[option], tuple(supporters)), []).append(option)
        self.twins = {option: alike for alike in twins.values() for option in alike}
        """Options of one price of which the same ballots approve: nothing tells them apart."""


class _Shares:
    """One way through the count. Shares are whole numbers, of which `unit` make one coin."""

    def __init__(self, sheet: Sheet, lot: Lot, approving: _Approving, money: int, *, complete: bool) -> None:
        self.sheet = sheet
        self.lot = lot
        self.approving = approving
        self.complete = complete
        self.left = money
        self.unit = max(1, sum(approving.weights))
        self.purses = [money] * len(approving.weights)
        # The part that each option's supporters pay, or less: it only grows, as their shares fall.
        self.least = {option: Fraction(0) for option, number in enumerate(approving.numbers) if number}
        self.unpaid: set[int] = set()
        self.winners: list[int] = []
        self.alike: list[frozenset[int]] = []  # twins among which a way was chosen

    def fork(self, choice: int) -> "_Shares":
        """Another way, which takes `choice` at the tie."""
        other = _Shares(self.sheet.copy(), self.lot.taking(choice), self.approving, self.left, complete=self.complete)
        other.unit, other.purses, other.least = self.unit, list(self.purses), dict(self.least)
        other.unpaid, other.winners, other.alike = set(self.unpaid), list(self.winners), list(self.alike)
        return other

    def splits(self, winners: Collection[int]) -> bool:
        """Whether of twins that were tied only some are elected: another way elects others of them."""
        return any(not alike.isdisjoint(winners) and not alike <= set(winners) for alike in self.alike)

    def run(self) -> list[int]:
        """The elected, in order."""
        while self.least and self.take_paid():
            pass
        if self.complete:
            while self.take_rest():
                pass
        return self.winners

    def take_paid(self) -> bool:
        """Take the next option that its supporters can pay for; False if there is none."""
        self.lot.comes_to((frozenset(self.winners), tuple(self.purses), self.unit))
        rates = self.cheapest()
        if not rates:
            return False
        least = min(rates.values())
        tied = [option for option, rate in rates.items() if rate == least]
        if len(tied) == 1:
            self.pay(tied[0], least, rates)
            return True
        favoured = self.chosen(tied)
        if favoured is not None:
            self.pay(favoured, least, rates)
            return True
        if not self.lot.together:
            raise UndecidedError(tied, tied)
        everything = {*self.least, *self.unpaid}
        if self.complete and sum(self.approving.prices[option] for option in everything) <= self.left:
            self.lot.passed = True
            rest = sorted(everything, key=lambda option: (option not in tied, -self.approving.numbers[option], option))
            self.take(rest, "taken: the money reaches for all that anybody approves of")
            self.least, self.unpaid = {}, set()
            return False
        free = self.independent(tied, least)
        if not free:
            raise UndecidedError(tied, self.one_of_each(tied))
        self.lot.passed = True
        for option in free:
            self.pay(option, least, rates)
        return True

    def chosen(self, tied: Sequence[int]) -> int | None:
        """Which of the tied the lot puts first, or this way takes."""
        favoured = self.lot.favoured(tied)
        return self.lot.chosen() if favoured is None else favoured

    def take(self, options: Sequence[int], why: str) -> None:
        """Add options to the elected."""
        self.sheet.note(f"{self.sheet.named(options)} {'is' if len(options) == 1 else 'are'} {why}.")
        self.winners += options
        self.left -= sum(self.approving.prices[option] for option in options)

    def cheapest(self) -> dict[int, Fraction]:
        """The parts of those options that had to be compared to find the smallest, by option; none if none can be
        paid for. Who can't be paid for now never can."""
        rates: dict[int, Fraction] = {}
        best: Fraction | None = None
        for option in sorted(self.least, key=lambda each: (self.least[each], each)):
            if best is not None and self.least[option] > best and len(self.approving.prices) > _SHOWN:
                break
            rate = self.rate(option)
            if rate is None:
                del self.least[option]
                self.unpaid.add(option)
            else:
                rates[option] = self.least[option] = rate
                best = rate if best is None else min(best, rate)
        return dict(sorted(rates.items()))

    def rate(self, option: int) -> Fraction | None:
        """The part of the price that each supporter pays, the same for all who can; None where together they can't."""
        price = self.approving.prices[option]
        able = sorted((self.purses[each], self.approving.weights[each]) for each in self.approving.supporters[option])
        owed, payers = price * self.unit, self.approving.numbers[option]
        for share, weight in able:  # who has less than the even part gives all that she has
            if share * payers >= owed:
                return Fraction(owed, payers * price * self.unit)
            owed -= share * weight
            payers -= weight
        return None

    def pay(self, option: int, rate: Fraction, rates: dict[int, Fraction]) -> None:
        """Let the supporters of an option pay for it."""
        share = rate * self.approving.prices[option] * self.unit
        if share.denominator > 1:
            self.unit *= share.denominator
            self.purses = [purse * share.denominator for purse in self.purses]
        for each in self.approving.supporters[option]:
            self.purses[each] -= min(self.purses[each], share.numerator)
        if any(self.purses) and (common := gcd(self.unit, *self.purses)) > 1:
            self.unit //= common
            self.purses = [purse // common for purse in self.purses]
        shown = {each: part for each, part in rates.items() if each in self.least}
        del self.least[option]
        self.winners.append(option)
        self.left -= self.approving.prices[option]
        self.sheet.note(
            f"{self.sheet.names[option]} is paid for by those who approve of it, each up to {_percent(rate)} of its "
            "cost.",
            shown,
        )

    def independent(self, tied: Sequence[int], rate: Fraction) -> list[int]:
        """Those of the tied that are all taken whatever the order: each of their supporters who has anything can pay
        for all of the tied that she approves of."""
        among = set(tied)
        short: set[int] = set()
        for number, chosen in enumerate(self.approving.chosen):
            wanted = [option for option in chosen if option in among]
            whole = rate * self.unit * sum(self.approving.prices[option] for option in wanted)
            if len(wanted) > 1 and 0 < self.purses[number] < whole:
                short.update(wanted)
        return [option for option in tied if option not in short]

    def one_of_each(self, tied: Sequence[int]) -> list[int]:
        """The first of each kind of twins among the tied: taking another of them leads to the same with names
        exchanged."""
        kinds = {frozenset(self.approving.twins[option]) & frozenset(tied) for option in tied}
        self.alike += [alike for alike in kinds if len(alike) > 1]
        return sorted(min(alike) for alike in kinds)

    def take_rest(self) -> bool:
        """Take what is left of the money to the most approved option that it can pay for; False if there is none.

        A tie comes up only where it can't pay for all of the tied: each may come first, and then not all are taken.
        """
        numbers, prices = self.approving.numbers, self.approving.prices
        self.lot.comes_to(frozenset(self.winners))
        able = sorted(option for option in self.unpaid if prices[option] <= self.left)
        if not able:
            return False
        most = max(numbers[option] for option in able)
        tied = [option for option in able if numbers[option] == most]
        taken = sorted(tied, key=lambda option: self.lot.order.get(option, len(prices)))
        if sum(prices[option] for option in tied) > self.left:
            favoured = self.chosen(tied)
            if favoured is None:
                raise UndecidedError(tied, self.one_of_each(tied) if self.lot.together else tied)
            taken = [favoured]
        for option in taken:
            self.unpaid.discard(option)
            self.take([option], "added: of what the rest of the money can pay for, most approve of it")
        return True


def _percent(part: Fraction) -> str:
    hundredths = part.numerator * 10_000 // part.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
