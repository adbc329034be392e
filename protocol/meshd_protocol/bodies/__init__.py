"""Record bodies: one file per family of kinds, with schema and bounds, and no rules.

A body is a canonical map with unsigned integer keys. Keys 0 to 63 carry meaning: one that this version doesn't know
means that the body is of a later version, and has no effect here. Keys from 64 up may be ignored: they are display
hints that a later version may add without cutting anybody off.
"""

from collections.abc import Callable

from meshd_protocol.bodies import decisions, delegates, genesis, meetings, membership, refounding, talk
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.kinds import LOG_OF, Kind, name_of
from meshd_protocol.records import VERSION, Record
from meshd_protocol.schema import Body

READERS: dict[int, Callable[[bytes], Body]] = {
    Kind.GENESIS: genesis.Genesis.read,
    Kind.CERTIFICATE: membership.Certificate.read,
    Kind.REVOCATION: membership.Revocation.read,
    Kind.INVITATION: membership.Invitation.read,
    Kind.WITHDRAWAL: membership.Withdrawal.read,
    Kind.APPLICATION: membership.Application.read,
    Kind.VOUCH: membership.Vouch.read,
    Kind.WELCOME: membership.Welcome.read,
    Kind.ROSTER: membership.RosterStep.read,
    Kind.OFFER: membership.Offer.read,
    Kind.NETWORK_KEYS: membership.NetworkKeys.read,
    Kind.LEAVE: membership.Leave.read,
    Kind.REFOUNDING: refounding.Refounding.read,
    Kind.PROPOSAL: decisions.Proposal.read,
    Kind.BALLOT: decisions.Ballot.read,
    Kind.ATTESTATION: decisions.Attestation.read,
    Kind.ANSWER: decisions.Answer.read,
    Kind.MINUTES: meetings.Minutes.read,
    Kind.ASSENT: meetings.Assent.read,
    Kind.RESOLUTION: meetings.Resolution.read,
    Kind.FOLLOW_UP: meetings.FollowUp.read,
    Kind.ACT: delegates.Act.read,
    Kind.COUNTERSIGNATURE: delegates.Countersignature.read,
    Kind.HANDOVER: delegates.Handover.read,
    Kind.MESSAGE: talk.Message.read,
    Kind.LETTER: talk.Letter.read,
}


def read_body(record: Record) -> Body:
    """The meaning of a record's body.

    Raises BadBodyError (or NewerVersionError) with the reason why the record has no effect.
    """
    if record.version != VERSION:
        raise NewerVersionError(f"a record of version {record.version}: this meshd needs an update")
    reader = READERS.get(record.kind)
    if reader is None:
        raise NewerVersionError(f"a record of kind {record.kind}: this meshd needs an update")
    if LOG_OF[record.kind] != record.log:
        raise BadBodyError(f"a {name_of(record.kind)} in log {record.log}, where it has no effect")
    if record.body is None:
        raise BadBodyError("its body is missing")
    return reader(record.body)
