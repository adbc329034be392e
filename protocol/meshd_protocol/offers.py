"""Which of a member's offers of a witness device holds: each names those that it takes the place of.

An offer that another one replaces, directly or by others, is over, and leaves the roster; so a roster holds one offer
of each member who keeps to one device, however often she changed it. Of several that knew nothing of each other none
gives a device, until an offer names them all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from meshd_protocol.items import Item, Offer

Known = Callable[[bytes], Item | None]
"""The item of an id. What an offer replaces stood in the roster that it pins, so it is known where the offer counts."""


def replaced(offers: Collection[Offer], known: Known) -> frozenset[bytes]:
    """Those of one member's offers that others of them replace, directly or by others."""
    ids = {offer.id for offer in offers}
    found: set[bytes] = set()
    for offer in offers:
        if offer.id not in found:
            found |= _before(offer, known, ids - found)
    return frozenset(found)


def _before(offer: Offer, known: Known, among: Collection[bytes]) -> set[bytes]:
    """Which of some offers one replaces, directly or by others; the search ends where all are found."""
    left = set(among) - {offer.id}
    found: set[bytes] = set()
    looked: set[bytes] = set()
    waiting = list(offer.replaces)
    while waiting and left:
        each = waiting.pop()
        if each in looked:
            continue
        looked.add(each)
        if each in left:
            left.discard(each)
            found.add(each)
        item = known(each)
        if isinstance(item, Offer):
            waiting += item.replaces
    return found


class FirstOffers:
    """By offer, which devices it replaces that were no offers: of the genesis or of an application. Remembered, since a
    member may have changed her device a thousand times.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._found: dict[bytes, frozenset[bytes]] = {}

    def behind(self, offer: Offer) -> frozenset[bytes]:
        """The ids that an offer replaces, directly or by others, and that are no offers."""
        waiting = [] if offer.id in self._found else [offer]
        while waiting:
            each = waiting[-1]
            earlier = {key: item for key in each.replaces if isinstance(item := self._known(key), Offer)}
            open_ = [item for key, item in earlier.items() if key not in self._found]
            if open_:
                waiting += open_
                continue
            behind = frozenset(each.replaces) - earlier.keys()
            self._found[each.id] = behind.union(*(self._found[key] for key in earlier))
            waiting.pop()
        return self._found[offer.id]


def open_offers(
    first: Mapping[bytes, bytes], offers: Iterable[Offer], memory: FirstOffers
) -> dict[bytes, bytes | None]:
    """What of a member's devices nothing replaces: by the id of what offers each, of the `first` ones and later."""
    mine = list(offers)
    over = frozenset[bytes]().union(*(memory.behind(each) for each in mine))
    return {key: device for key, device in first.items() if key not in over} | {each.id: each.offered for each in mine}
