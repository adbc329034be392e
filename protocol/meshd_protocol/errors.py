"""What can be wrong with bytes from elsewhere. Mistakes of our own are assertions, not these."""


class ProtocolError(Exception):
    """Bytes that break the protocol. The argument says how, in words for a person."""


class NotCanonicalError(ProtocolError):
    """CBOR outside the narrow form that records use (design: records, "Canonical CBOR")."""


class BadRecordError(ProtocolError):
    """A record whose header, hashes or sizes are wrong; it can never become valid."""


class BadBodyError(ProtocolError):
    """A body that has no effect. The record stays valid; the argument is the reason that people are shown."""


class MissingBodyError(BadBodyError):
    """A body that is not here yet: it is asked for at each meeting."""


class NewerVersionError(BadBodyError):
    """A body, policy or roster of a later meshd: no effect here, and the node says that it needs an update."""


class SessionError(ProtocolError):
    """A peer that breaks the session's rules; the connection is dropped."""


class BadBundleError(ProtocolError):
    """A file on a stick that is damaged, foreign, or not what its name says."""


class UnknownKeyError(BadBundleError):
    """A file on a stick under a network key that this node does not have. It is not damaged, and stays."""


class BadProofError(ProtocolError):
    """A proof that is damaged, or does not show what it says. The argument is the first thing that is wrong."""


class BadPublicationError(ProtocolError):
    """A folder that is none of what an assembly published. The argument says why."""


class BadPapersError(ProtocolError):
    """A file of paper ballots that can't be read. The argument names the line."""


class BadPartsError(ProtocolError):
    """Text of which no file can be made: parts are missing, have mistakes, or are of several files."""


class BadTicketError(ProtocolError):
    """An invitation ticket that cannot be read."""
