"""Applications: who vouches for whom by them, and which are spent, since whom they let in is out again."""

from meshd.assembly.assembly import role_of
from meshd.service.context import Context
from meshd.store import tables


def asking(context: Context, member: bytes) -> list[tables.Application]:
    """The applications of somebody by which they may still be let in, in the order in which they came."""
    rows = context.assembly.store.find(tables.Application, member=member)
    return [row for row in rows if not is_spent(context, row)]


def asks_again(context: Context, member: bytes) -> bool:
    """Whether somebody who is out has applied anew."""
    return role_of(context.assembly, member) == "removed" and bool(asking(context, member))


def is_spent(context: Context, application: tables.Application) -> bool:
    """Whether it let somebody in who left or was removed since: a vouch for it was ended by that."""
    if role_of(context.assembly, application.member) != "removed":
        return False
    vouches = context.assembly.store.find(tables.Vouch, application=application.id)
    return not all(_lasts(context, each) for each in vouches)


def vouchers_of(context: Context, application: tables.Application) -> set[bytes]:
    """The members who vouch by an application, but for those whose vouch was ended by a removal or a revocation."""
    vouches = context.assembly.store.find(tables.Vouch, application=application.id)
    return {each.member for each in vouches if _lasts(context, each)}


def vouchers_for(context: Context, member: bytes) -> set[bytes]:
    """The members who vouch for somebody by any application that is not spent."""
    return {each for row in asking(context, member) for each in vouchers_of(context, row)}


def _lasts(context: Context, vouch: tables.Vouch) -> bool:
    standing = context.assembly.standing
    if standing is None or standing.state is None:
        return True
    item = standing.item(vouch.id)
    in_roster = vouch.id in standing.rosters.ids(standing.head)
    return item is None or in_roster or not standing.rosters.is_over(standing.head, item)
