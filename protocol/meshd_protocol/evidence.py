"""What a proof's records state, and nothing else (`statements`), once every one of them is seen to be authentic."""

from collections.abc import Sequence

from meshd_crypto.signing import verify_all
from meshd_protocol.chains import authentic_tree
from meshd_protocol.errors import BadProofError, BadRecordError
from meshd_protocol.names import text_of
from meshd_protocol.records import Record
from meshd_protocol.schema import Body
from meshd_protocol.statements import Parts, Statements, body_of, read_parts, signatures


def read_evidence(genesis: Record, parts: Sequence[Parts]) -> Statements:
    """The facts that a proof's records state. Raises BadProofError for a record that is not authentic."""
    try:
        records = [read_parts(genesis.id, each) for each in parts]
    except BadRecordError as error:
        raise BadProofError(f"a record in it can't be read: {error}") from error
    if any(record.id == genesis.id for record in records):
        raise BadProofError("the genesis is in it twice")
    facts = Statements(genesis.id)
    for record, body in _signed(genesis.id, records):
        facts.add(record, body)
        if len(facts.owners(record.device)) > 1:
            raise BadProofError("one device in it belongs to two members")
    return facts


def _signed(assembly: bytes, records: Sequence[Record]) -> list[tuple[Record, Body | None]]:
    """The records with their bodies, once all are authentic; a body whose own second signature fails has no effect."""
    bodies = [body_of(record) for record in records]
    asked = [signatures(assembly, record, body) for record, body in zip(records, bodies, strict=True)]
    verdicts = iter(verify_all([each for mine in asked for each in mine]))
    good = [[next(verdicts) for _ in mine] for mine in asked]
    ids = {record.id: fine[0] for record, fine in zip(records, good, strict=True)}
    doubtful = {(record.device, record.log) for record in records if not ids[record.id]}
    for chain in doubtful:
        mates = [record for record in records if (record.device, record.log) == chain]
        authentic = authentic_tree(mates, lambda each: ids[each.id])
        for record in mates:
            if record.id not in authentic:
                raise BadProofError(f"the record {text_of(record.id)[:8]} is not signed")
    return [(record, body if all(fine[1:]) else None) for record, body, fine in zip(records, bodies, good, strict=True)]
