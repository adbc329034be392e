"""Which of a member's offers of a witness device holds: each names those that it takes the place of.

An offer that another one replaces, directly or by others, is over, and leaves the roster; so a roster holds one offer
of each member who keeps to one device, however often she changed it. Of several that knew nothing of each other none
gives a device, until an offer names them all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from meshd_protocol.items import Item, Offer

Known = Callable[[bytes], Item | None]
"""The item of an id. What an offer replaces stood in the roster that it pins, so it is known where the offer counts."""


class Past(NamedTuple):
    """What is behind an offer: how long the longest way back is, and the ids that it replaces, directly or by others,
    and that are no offers: those of the genesis or of an application.
    """

    depth: int
    first: frozenset[bytes]


class Ancestry:
    """What is behind each offer. Remembered, since a member may have changed her device a thousand times."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._found: dict[bytes, Past] = {}

    def of(self, offer: Offer) -> Past:
        """What is behind an offer."""
        waiting = [] if offer.id in self._found else [offer]
        while waiting:
            each = waiting[-1]
            earlier = {key: item for key in each.replaces if isinstance(item := self.known(key), Offer)}
            open_ = [item for key, item in earlier.items() if key not in self._found]
            if open_:
                waiting += open_
                continue
            behind = [self._found[key] for key in earlier]
            first = (frozenset(each.replaces) - earlier.keys()).union(*(past.first for past in behind))
            self._found[each.id] = Past(1 + max((past.depth for past in behind), default=0), first)
            waiting.pop()
        return self._found[offer.id]


def is_whole(offer: Offer, known: Known, is_first: Callable[[bytes], bool], whole: Mapping[bytes, Item]) -> bool:
    """Whether an offer, and all that it replaces, replace nothing but known offers and what `is_first`: the genesis, or
    a known application. What a set holds of offers hangs on everything behind them.

    Of the offers in `whole` that is known already.
    """
    waiting, seen = list(offer.replaces), set[bytes]()
    while waiting:
        each = waiting.pop()
        if each in seen or isinstance(whole.get(each), Offer) or is_first(each):
            continue
        seen.add(each)
        found = known(each)
        if not isinstance(found, Offer):
            return False
        waiting += found.replaces
    return True


class Behind:
    """What is behind some offers, looked at no further back than somebody asked. Whatever an offer replaces is less
    deep than it; so the deepest come first, and each is looked at once, however many ask.
    """

    def __init__(self, offers: Iterable[Offer], ancestry: Ancestry) -> None:
        self._ancestry = ancestry
        self._reached: set[bytes] = set()
        self._open = [(-ancestry.of(offer).depth, offer.id, offer) for offer in offers]
        heapify(self._open)

    def has(self, offer: Offer) -> bool:
        """Whether one of them replaces an offer, directly or by others."""
        depth = self._ancestry.of(offer).depth
        while self._open and -self._open[0][0] > depth:
            for each in set(heappop(self._open)[2].replaces) - self._reached:
                self._reached.add(each)
                item = self._ancestry.known(each)
                if isinstance(item, Offer):
                    heappush(self._open, (-self._ancestry.of(item).depth, each, item))
        return offer.id in self._reached


def replaced(offers: Collection[Offer], ancestry: Ancestry) -> frozenset[bytes]:
    """Those of one member's offers that others of them replace, directly or by others."""
    behind = Behind(offers, ancestry)
    return frozenset(offer.id for offer in offers if behind.has(offer))


def open_offers(first: Mapping[bytes, bytes], offers: Iterable[Offer], ancestry: Ancestry) -> dict[bytes, bytes | None]:
    """What of a member's devices nothing replaces: by the id of what offers each, of the `first` ones and later."""
    mine = list(offers)
    over = frozenset[bytes]().union(*(ancestry.of(each).first for each in mine))
    return {key: device for key, device in first.items() if key not in over} | {each.id: each.offered for each in mine}
