"""Joining without ever being on the same network: an application carried out, the sealed answer carried back."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from meshd.assembly import survey
from meshd.assembly.access import invitation_secret, is_open
from meshd.assembly.assembly import Assembly, role_of
from meshd.assembly.keystore import NetworkKey
from meshd.sneakernet import media
from meshd.store import tables
from meshd.upkeep.caretaker import answer_applicants, keys_in
from meshd_crypto.identity import SigningKey
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.membership import Certificate, Welcome
from meshd_protocol.bundle import join_folder, read_join, write_join
from meshd_protocol.chains import Waiting
from meshd_protocol.errors import BadBodyError, BadBundleError, BadRecordError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record, decode_record, encode_record, is_signed

_RECORDS = 8


def write_application(assembly: Assembly, stick: Path) -> None:
    """Leave this newcomer's application on a stick."""
    ticket = assembly.keys.ticket
    assert ticket is not None, "who has no network key has a ticket"
    records, _ = survey.load(assembly, survey.own_records(assembly)[0])
    name = join_folder(SigningKey.from_seed(ticket.seed).public)
    folder = media.make_inside(stick, media.ROOT, media.JOIN, name)
    held = media.read_file(folder / media.APPLICATION, limits.JOIN_FILE_BYTES)
    if held is not None and _read(contexts.JOIN_APPLICATION, ticket.psk, assembly.id, held) == records:
        return
    data = write_join(contexts.JOIN_APPLICATION, ticket.psk, assembly.id, records, assembly.world.entropy)
    media.write_file(folder / media.APPLICATION, data)


def has_answer(assembly: Assembly, stick: Path) -> bool:
    """Whether an answer to this newcomer is on the stick."""
    ticket = assembly.keys.ticket
    if ticket is None or assembly.keys.network:
        return False
    folder = media.inside(stick, media.ROOT, media.JOIN, join_folder(SigningKey.from_seed(ticket.seed).public))
    return folder is not None and media.size_of(folder / media.ANSWER) is not None


def read_answer(assembly: Assembly, stick: Path) -> bool:
    """Take the network keys out of the answer to this newcomer, if it is on the stick."""
    ticket = assembly.keys.ticket
    if ticket is None or assembly.keys.network:
        return False
    name = join_folder(SigningKey.from_seed(ticket.seed).public)
    folder = media.inside(stick, media.ROOT, media.JOIN, name)
    data = media.read_file(folder / media.ANSWER, limits.JOIN_FILE_BYTES) if folder else None
    if data is None:
        return False
    found: list[NetworkKey] = []
    for record in _read(contexts.JOIN_ANSWER, ticket.psk, assembly.id, data)[:_RECORDS]:
        found += _keys_in(assembly, record)
    return bool(found) and assembly.add_network_keys(found)


class Applications(NamedTuple):
    """What came of the applications on a stick: the records that are new; how many came too late, with a ticket that
    was withdrawn or has expired, of people who are not in by another one; and the names of those by tickets that this
    log does not know: of other assemblies, or of members whose records have not come here.
    """

    new: list[Record]
    late: int
    unknown: list[str]


def read_applications(assembly: Assembly, stick: Path) -> Applications:
    """Take in the applications on a stick that came through this assembly's invitations."""
    new: list[Record] = []
    late = 0
    for row, folder in _carried(assembly, stick):
        psk = invitation_secret(assembly, row)
        data = media.read_file(folder / media.APPLICATION, limits.JOIN_FILE_BYTES) if psk else None
        if psk is None or data is None:
            continue
        records = _read(contexts.JOIN_APPLICATION, psk, assembly.id, data)[:_RECORDS]
        batch = _of_one_device(assembly, records)
        known = assembly.store.count(tables.Application, invitation=row.public)
        if batch and (known or is_open(assembly, row)):
            new += assembly.receive(batch, Waiting()).new
        elif batch and not _are_in(assembly, batch):
            late += 1
    return Applications(new, late, _unknown(assembly, stick))


def _are_in(assembly: Assembly, batch: list[bytes]) -> bool:
    """Whether those who wrote an application are in by another one."""
    records = [decode_record(assembly.id, data) for data in batch]
    try:
        people = {Certificate.read(each.body).member for each in records if each.kind == Kind.CERTIFICATE and each.body}
    except BadBodyError:
        return False
    return bool(people) and all(role_of(assembly, person) in ("member", "observer") for person in people)


def _unknown(assembly: Assembly, stick: Path) -> list[str]:
    """The applications on a stick that nobody has answered, and that this node can't read."""
    joins = media.inside(stick, media.ROOT, media.JOIN)
    known = {folder.name for _, folder in _carried(assembly, stick)}
    names = [name for name in media.folder_names(joins) if name not in known] if joins else []
    found = [folder for name in names if (folder := media.inside(stick, media.ROOT, media.JOIN, name)) is not None]
    return [
        folder.name
        for folder in found
        if media.size_of(folder / media.APPLICATION) is not None and media.size_of(folder / media.ANSWER) is None
    ]


def _carried(assembly: Assembly, stick: Path) -> Iterator[tuple[tables.Invitation, Path]]:
    """This assembly's invitations of which a stick has the folder, and that."""
    joins = media.inside(stick, media.ROOT, media.JOIN)
    names = set(media.folder_names(joins)) if joins else set()
    for row in assembly.store.find(tables.Invitation) if names else ():
        name = join_folder(row.public)
        folder = media.inside(stick, media.ROOT, media.JOIN, name) if name in names else None
        if folder is not None:
            yield row, folder


def carries(assembly: Assembly, stick: Path) -> bool:
    """Whether a stick has an application that came through this assembly's invitations."""
    return any(True for _ in _carried(assembly, stick))


def answer_applications(assembly: Assembly, stick: Path) -> None:
    """Answer those whose applications a stick carries, and who were let in, where nobody has."""
    waiting = {
        row.public
        for row, _ in _carried(assembly, stick)
        for application in assembly.store.find(tables.Application, invitation=row.public)
        if not assembly.store.count(tables.Welcome, application=application.id)
    }
    if waiting and assembly.store.refusal is None and assembly.standing is not None:
        with assembly.writing():
            answer_applicants(assembly, waiting)


def write_answers(assembly: Assembly, stick: Path) -> int:
    """Leave the welcomes of those whose applications this stick carries."""
    written = 0
    for row, folder in _carried(assembly, stick):
        psk = invitation_secret(assembly, row)
        welcomes = [
            encode_record(kept.header, kept.signature, kept.body)
            for application in assembly.store.find(tables.Application, invitation=row.public)
            for welcome in assembly.store.find(tables.Welcome, application=application.id)
            if (kept := assembly.store.get(tables.Kept, id=welcome.id)) is not None
        ]
        if psk is None or not welcomes:
            continue
        held = media.read_file(folder / media.ANSWER, limits.JOIN_FILE_BYTES)
        if held is not None and _read(contexts.JOIN_ANSWER, psk, assembly.id, held) == welcomes:
            continue
        data = write_join(contexts.JOIN_ANSWER, psk, assembly.id, welcomes, assembly.world.entropy)
        media.write_file(folder / media.ANSWER, data)
        written += 1
    return written


def need_stick_answer() -> media.NothingHereError:
    """What a newcomer is told who finds nothing for them on a stick."""
    return media.NothingHereError(
        "there is no answer to your application on this stick yet",
        "`meshd export DIR` leaves the application on it; a member imports it, vouches, and exports the answer.",
    )


def _read(context: bytes, psk: bytes, assembly: bytes, data: bytes) -> list[bytes]:
    try:
        return read_join(context, psk, assembly, data)
    except BadBundleError:
        return []


def _of_one_device(assembly: Assembly, records: list[bytes]) -> list[bytes]:
    """A newcomer's own first records and nothing else."""
    batch: list[bytes] = []
    device: bytes | None = None
    for data in records:
        try:
            record = decode_record(assembly.id, data)
        except BadRecordError:
            return []
        device = device or record.device
        if record.device == device and record.log == 0 and record.kind in (Kind.CERTIFICATE, Kind.APPLICATION):
            batch.append(data)
    return batch


def _keys_in(assembly: Assembly, data: bytes) -> list[NetworkKey]:
    """The network keys in a welcome that travelled alone: its own signature is checked first."""
    try:
        record = decode_record(assembly.id, data)
        if record.kind != Kind.WELCOME or record.body is None or not is_signed(assembly.id, record):
            return []
        welcome = Welcome.read(record.body)
    except (BadRecordError, BadBodyError):
        return []
    return keys_in(assembly, welcome.sealed)
