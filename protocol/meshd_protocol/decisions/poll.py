"""What counts of everybody's ballots: each member's voice, and the sums of all.

A poll can be kept up to date ballot by ballot (`voice_of`), so that a result needs the sums alone; whoever wants the
reasons makes it from all ballots (`poll_of`). Both give the same sums.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_protocol.bodies.decisions import Choice, Form, Say
from meshd_protocol.decisions.outcome import Cast, Electorate, Naming, Reason, people, reach
from meshd_protocol.policies import Finality

WORDS = {Say.YES: "yes", Say.NO: "no", Say.ABSTAIN: "abstain"}
CONSENT_WORDS = {Say.YES: "consents", Say.NO: "objects", Say.ABSTAIN: "stands aside"}


class Ballots(NamedTuple):
    """Which ballots a proposal takes. `objections` tells consent, where a no is an objection and needs a reason."""

    finality: int
    form: int
    options: int
    changeable: bool
    most: int | None = None
    objections: bool = False


class Voice(NamedTuple):
    """What counts of one member: her choice, by these ballots. None where she signed several and none counts.

    `signed` has all that she signed and that could have counted.
    """

    member: bytes
    choice: Choice | None
    ids: tuple[bytes, ...]
    signed: tuple[Choice, ...]
    reason: str = ""


class Poll(NamedTuple):
    """Sums by choice, and how many members were counted, both by weight. Where only sums were kept, there is no
    `electorate`, and there are no reasons.
    """

    sums: Mapping[Choice, int]
    seen: int
    voices: tuple[Voice, ...] = ()
    refused: tuple[tuple[bytes, str], ...] = ()
    electorate: Electorate | None = None

    @property
    def detailed(self) -> bool:
        """Whether voices were kept, and not their sums alone."""
        return self.electorate is not None

    def says(self, choice: int) -> int:
        """How many members make that choice."""
        return self.sums.get(choice, 0)

    def without(self, members: Collection[bytes]) -> "Poll":
        """The poll as if those members, whose voices are here, had not voted."""
        voices = tuple(voice for voice in self.voices if voice.member not in members)
        if len(voices) == len(self.voices):
            return self
        assert self.electorate is not None, "voices come with an electorate"
        sums = sums_of(voices, self.electorate)
        return self._replace(sums=sums, seen=sum(sums.values()), voices=voices)


def because(voice: Voice) -> str:
    """The reason that stands on a ballot, as the end of a sentence."""
    return f": {voice.reason.strip().rstrip('.')}" if voice.reason.strip() else ""


def refusal(ballots: Ballots, cast: Cast, electorate: Electorate) -> str | None:
    """Why one ballot counts for nothing, or None."""
    if cast.form != ballots.form:
        return "answered in another form than the question has"
    problem = _choice_problem(ballots, cast)
    if problem is not None:
        return problem
    if ballots.finality == Finality.CERTIFIED and cast.counter and not ballots.changeable:
        return "changed a ballot that stays as it was cast"
    if ballots.objections and cast.choice == Say.NO and not cast.reason.strip():
        return "objected without a reason"
    changeable = ballots.finality == Finality.CERTIFIED and ballots.changeable
    return reach(cast, electorate, changeable=changeable)


def _choice_problem(ballots: Ballots, cast: Cast) -> str | None:
    if cast.form == Form.YES_NO:
        return None
    assert isinstance(cast.choice, tuple)
    if cast.form == Form.CHOICES:
        named: list[int] = [option for option in cast.choice if isinstance(option, int)]
    elif cast.form == Form.SCORES:
        named = [pair[0] for pair in cast.choice if isinstance(pair, tuple)]
    else:
        named = [option for rank in cast.choice if isinstance(rank, tuple) for option in rank]
    if any(option >= ballots.options for option in named):
        return "named an option that the proposal doesn't have"
    if ballots.most is not None and len(named) > ballots.most:
        return f"named more than {ballots.most}"
    return None


def voice_of(ballots: Ballots, casts: Iterable[Cast], electorate: Electorate) -> Voice | None:
    """What counts of one member's ballots, in any order; None if nothing does.

    Settled: one yes makes her count for yes, whatever else she signed; else a no is a no. Certified: the highest
    counter counts, and one counter with two choices voids her ballot (design: decisions).
    """
    sound = sorted({cast for cast in casts if refusal(ballots, cast, electorate) is None})
    if not sound:
        return None
    if ballots.finality == Finality.SETTLED:
        signed = {cast.choice for cast in sound}
        choice = next(each for each in (Say.YES, Say.NO, Say.ABSTAIN) if each in signed)
        mine = [cast for cast in sound if cast.choice == choice]
        ids = tuple(cast.id for cast in mine)
        return Voice(sound[0].member, int(choice), ids, _ordered(signed), mine[0].reason)
    newest = max(cast.counter for cast in sound)
    latest = [cast for cast in sound if cast.counter == newest]
    signed = {cast.choice for cast in latest}
    if len(signed) > 1:
        return Voice(sound[0].member, None, (), _ordered(signed))
    return Voice(sound[0].member, latest[0].choice, tuple(cast.id for cast in latest), tuple(signed), latest[0].reason)


def sums_of(voices: Iterable[Voice], electorate: Electorate) -> dict[Choice, int]:
    """How many of the voices make each choice, by their weight."""
    sums: dict[Choice, int] = {}
    for voice in voices:
        if voice.choice is not None:
            sums[voice.choice] = sums.get(voice.choice, 0) + electorate.weigh((voice.member,))
    return sums


def poll_of(ballots: Ballots, casts: Iterable[Cast], electorate: Electorate) -> Poll:
    """The poll of all ballots on a proposal, with everybody's voice."""
    by_member: dict[bytes, list[Cast]] = {}
    for cast in set(casts):
        by_member.setdefault(cast.member, []).append(cast)
    voices: list[Voice] = []
    refused: list[tuple[bytes, str]] = []
    for member in sorted(by_member):
        theirs = sorted(by_member[member])
        whys = sorted({why for cast in theirs if (why := refusal(ballots, cast, electorate)) is not None})
        refused += [(member, why) for why in whys]
        voice = voice_of(ballots, theirs, electorate)
        if voice is not None:
            voices.append(voice)
    sums = sums_of(voices, electorate)
    return Poll(sums, sum(sums.values()), tuple(voices), tuple(refused), electorate)


def electorate_reason(electorate: Electorate) -> Reason:
    """Who may vote."""
    who = people(len(electorate.members))
    if electorate.weights:
        who = f"{len(electorate.members)} assemblies of weight {electorate.total}"
    return Reason("electorate", True, f"{who} may vote: those of the roster that the proposal pins.")


def refused_reasons(poll: Poll, naming: Naming) -> list[Reason]:
    """The ballots that count for nothing."""
    return [
        Reason("ballot-without-effect", False, f"{naming(member)} {why}.")
        for member, why in sorted(poll.refused, key=lambda each: (naming(each[0]), each[1]))
    ]


def _ordered(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return tuple(sorted(choices, key=repr))
