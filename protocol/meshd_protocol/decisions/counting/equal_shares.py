"""The method of equal shares (Peters and Skowron 2020; Peters, Pierczyński and Skowron 2021), for budgets and seats.

Every ballot gets an equal share of the budget. An option is paid for by those who approve of it, each paying the same
part of what it is worth to her (its cost) as far as her share goes; the option for which that part is smallest is taken
next. What is left when nobody can pay for another option goes to options by the number of approvals, as far as it
reaches. For seats, every option costs 1 and the budget is the number of seats.
"""

from collections.abc import Sequence
from fractions import Fraction

from meshd_protocol.decisions.counting.result import Pick, Result, Sheet, counted


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
    voters = [(weight, frozenset(chosen)) for weight, chosen in ballots]
    approvals = [sum(weight for weight, chosen in voters if option in chosen) for option in range(len(names))]

    def run(sheet: Sheet, pick: Pick) -> list[int]:
        sheet.note("How many ballots approve of each.", dict(enumerate(approvals)))
        winners = _shares(sheet, pick, voters, prices, money)
        if complete:
            winners += _rest(sheet, pick, approvals, prices, money, winners)
        return winners

    return counted(names, tuple(approvals), run, lot)


def _shares(
    sheet: Sheet, pick: Pick, voters: list[tuple[int, frozenset[int]]], prices: list[int], money: int
) -> list[int]:
    people = sum(weight for weight, _ in voters)
    purse = [Fraction(money, people) if people else Fraction(0)] * len(voters)
    left = set(range(len(prices)))
    winners: list[int] = []
    while True:
        rates = {option: rate for option in sorted(left) if (rate := _rate(option, prices[option], voters, purse))}
        if not rates:
            return winners
        least = min(rates.values())
        tied = tuple(option for option, rate in rates.items() if rate == least)
        winner = tied[0] if len(tied) == 1 else pick(tied)
        left.discard(winner)
        winners.append(winner)
        for number, (_, chosen) in enumerate(voters):
            if winner in chosen:
                purse[number] -= min(purse[number], least * prices[winner])
        sheet.note(
            f"{sheet.names[winner]} is paid for by those who approve of it, each up to {_percent(least)} of its cost.",
            dict(rates),
        )


def _rate(option: int, price: int, voters: list[tuple[int, frozenset[int]]], purse: list[Fraction]) -> Fraction | None:
    """The part of the price that each supporter pays, the same for all who can; None where together they can't."""
    able = sorted((purse[number], weight) for number, (weight, chosen) in enumerate(voters) if option in chosen)
    if sum((share * weight for share, weight in able), Fraction(0)) < price or not able:
        return None
    owed, payers = Fraction(price), sum(weight for _, weight in able)
    for share, weight in able[:-1]:  # who has less than the even part gives all that she has
        if share * payers >= owed:
            break
        owed -= share * weight
        payers -= weight
    return owed / payers / price


def _rest(
    sheet: Sheet, pick: Pick, approvals: list[int], prices: list[int], money: int, winners: list[int]
) -> list[int]:
    """What the money that is left buys, by approvals."""
    left = money - sum(prices[option] for option in winners)
    added: list[int] = []
    open_ = {option for option in range(len(prices)) if option not in winners and approvals[option]}
    while True:
        able = [option for option in sorted(open_) if prices[option] <= left]
        if not able:
            return added
        most = max(approvals[option] for option in able)
        tied = tuple(option for option in able if approvals[option] == most)
        winner = tied[0] if len(tied) == 1 else pick(tied)
        open_.discard(winner)
        added.append(winner)
        left -= prices[winner]
        sheet.note(f"{sheet.names[winner]} is added: of what the rest of the money can pay for, most approve of it.")


def _percent(part: Fraction) -> str:
    hundredths = part.numerator * 10_000 // part.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
