"""bodies.json: a body of every kind, with every field that it may have."""

from typing import Any

from makers.common import drawn, told
from meshd_protocol.bodies import BODIES
from meshd_protocol.bodies.decisions import Answer, Attestation, Ballot, Form, Proposal, Retraction, Verdict
from meshd_protocol.bodies.delegates import Act, Countersignature, Handover, Told
from meshd_protocol.bodies.federation import Piece, Quotation
from meshd_protocol.bodies.genesis import FEDERAL_RULES, Genesis, Origin, Seating
from meshd_protocol.bodies.institutions import Entry, Figures
from meshd_protocol.bodies.meetings import Assent, FollowUp, Minutes, Resolution, Task
from meshd_protocol.bodies.membership import (
    Application,
    Certificate,
    Invitation,
    Leave,
    NetworkKeys,
    Offer,
    Revocation,
    RosterStep,
    Vouch,
    Welcome,
    Withdrawal,
)
from meshd_protocol.bodies.refounding import Refounding
from meshd_protocol.bodies.talk import Erasure, Letter, Message
from meshd_protocol.encoding import decode
from meshd_protocol.kinds import LOG_OF, Kind, name_of
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.schema import Body

ID, KEY, SIGNED = drawn("id"), drawn("key"), drawn("signature", 64)
IDS = tuple(sorted((ID, drawn("another id"))))

EXAMPLES: dict[int, Body] = {
    body.KIND: body
    for body in (
        Genesis(
            "Bakery",
            drawn("nonce", 16),
            FEDERAL_RULES,
            DEFAULTS,
            (KEY,),
            ((KEY, ID),),
            Origin(ID, ID, "We bake."),
            (Seating(ID, 2, ID),),
        ),
        Certificate(
            member=KEY, device=KEY, transport=KEY, sealing=KEY, label="laptop", scope=0, person="Ada", signature=SIGNED
        ),
        Revocation(member=KEY, device=KEY, good=(1, 0, 0), roster=ID, signature=SIGNED),
        Invitation(KEY, drawn("network key", 8), b"box", 5),
        Withdrawal(KEY),
        Application(
            invitation=KEY, member=KEY, device=KEY, removals=(ID,), witness=True, formerly=KEY, signature=SIGNED
        ),
        Vouch(ID, ID),
        Welcome(ID, b"sealed"),
        RosterStep(ID, IDS, drawn("ratification")),
        Offer(ID, KEY, (ID,)),
        NetworkKeys(ID, ((KEY, b"sealed"),)),
        Leave(ID, ((KEY, 5),)),
        Refounding((b"header", SIGNED, b"body"), ((KEY, b"sealed"),)),
        Quotation(ID, ((b"header", SIGNED, b"body"),), ((ID, IDS, ID),)),
        Piece(ID, 0, 2, b"a part"),
        Entry(ID, ID, "need", {"amount": 5, "what": "flour"}, ID, (ID,), ID),
        Proposal(
            ID,
            "election",
            "Who?",
            "text",
            ("A", "B"),
            5,
            (1, (ID,)),
            "schulze",
            2,
            ID,
            IDS,
            (5, 7),
            10,
            True,
            ((ID, b"\xc0"),),
            ID,
            {0: "Aid", 1: "We help.", 2: [{0: "need", 3: [[0]]}]},
            ("urgent",),
        ),
        Ballot(ID, Form.RANKS, ((0, 2), (1,)), 3, "because"),
        Attestation(ID, Verdict.PASSED, (), (3, 1, 4), b"\xf0", ID),
        Answer(ID, "It was not so."),
        Retraction(ID, "We found a cheaper one."),
        Minutes("Monday", "We met.", 5, (KEY,)),
        Assent(ID),
        Resolution(ID, "We buy it.", (Task("Buy", KEY, 5),)),
        FollowUp(ID, 3, "bought", True),
        Act(ID, ID, "spend", "Bought flour", "the bakery", Told(ID, IDS[1], ID)),
        Countersignature(ID, ((ID, 3),)),
        Handover(ID, IDS[1], "the keys"),
        Message(drawn("salt", 16), "general", "hello", ID),
        Letter(drawn("salt", 16), (b"sealed",), b"box"),
        Erasure(ID),
    )
    if body.KIND is not None
}
"""By kind. Their signatures sign nothing, and what they seal is sealed to nobody: `countersigned.json` and `boxes.json`
have real ones.
"""

MORE: dict[str, tuple[int, Body]] = {
    "proposal: figures": (
        Kind.PROPOSAL,
        Proposal(ID, "standard", "Pots", what=Figures(ID, "budget", {"pots": [{"name": "flour", "most": 500}]})),
    ),
    "ballot: yes": (Kind.BALLOT, Ballot(ID, Form.YES_NO, 1)),
    "ballot: options": (Kind.BALLOT, Ballot(ID, Form.CHOICES, (0, 2))),
    "ballot: scores": (Kind.BALLOT, Ballot(ID, Form.SCORES, ((0, 5), (2, 10)))),
    "attestation: winners": (Kind.ATTESTATION, Attestation(ID, Verdict.WINNERS, (0, 2), (3, 1, 4), b"\xf0", ID)),
}
"""What one example of a kind can't show."""


def _row(name: str, kind: int, body: Body) -> dict[str, Any]:
    data = body.write()
    return {
        "name": name,
        "kind": kind,
        "log": int(LOG_OF[kind]),
        "rule": name_of(kind).replace(" ", "-"),
        "body": data,
        "value": told(decode(data)),
    }


def make() -> dict[str, Any]:
    """The file."""
    return {
        "about": "A body of every kind, with every field that it may have: how it is encoded, and which rule it fits.",
        "sections": ["4"],
        "bodies": [_row(name_of(kind), kind, EXAMPLES[kind]) for kind in sorted(BODIES)]
        + [_row(name, *found) for name, found in MORE.items()],
    }
