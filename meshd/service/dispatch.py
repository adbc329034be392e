"""From a request to the function that answers it: the same for the daemon and for a command alone."""

from collections.abc import Callable, Generator
from typing import Any

from meshd.errors import UsageError
from meshd.progress import Steps
from meshd.service import (
    audit,
    carry,
    checking,
    delegation,
    links,
    meetings,
    membership,
    proposing,
    proving,
    refounding,
    results,
    rosters,
    talk,
    voting,
    witnessing,
)
from meshd.service.context import Context
from meshd_protocol.control import BadRequestError, Request, check_arguments

Handler = Callable[[Context, dict[str, Any]], Any]

HANDLERS: dict[str, Handler] = {
    "whoami": membership.whoami,
    "members": membership.members,
    "invite": membership.invite,
    "vouch": membership.vouch,
    "admit": membership.admit,
    "status": audit.status,
    "peers": links.peers,
    "connect": links.connect,
    "remove": rosters.remove,
    "leave": rosters.leave,
    "devices": rosters.devices,
    "revoke": rosters.revoke,
    "ratify": rosters.ratify,
    "follow": rosters.follow,
    "refound": refounding.refound,
    "witness": witnessing.witness,
    "propose": proposing.propose,
    "uphold": proposing.uphold,
    "list": results.list_,
    "show": results.show,
    "vote": voting.vote,
    "why": results.why,
    "policies": proposing.policies,
    "amend": proposing.amend,
    "charter": proposing.charter,
    "answer": proposing.answer,
    "mandate": delegation.mandate,
    "delegates": delegation.delegates,
    "act": delegation.act,
    "recall": delegation.recall,
    "handover": delegation.handover,
    "minutes": meetings.minutes,
    "assent": meetings.assent,
    "outcome": meetings.outcome,
    "todo": meetings.todo,
    "done": meetings.done,
    "say": talk.say,
    "read": talk.read,
    "topics": talk.topics,
    "prove": proving.prove,
    "export": carry.export,
    "import": carry.import_,
    "check": checking.check,
    "log": audit.log,
    "forks": audit.forks,
}


def answer(context: Context, request: Request) -> Steps[Any]:
    """Answer a request, in steps where it takes long. Raises NodeError."""
    try:
        check_arguments(request.verb, request.arguments)
    except BadRequestError as error:
        raise UsageError(str(error)) from error
    result = HANDLERS[request.verb](context, request.arguments)
    if isinstance(result, Generator):
        result = yield from result
    return result
