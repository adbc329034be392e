"""The verb qr: what somebody wrote, small enough to be shown to whoever stands beside them."""

import base64
from typing import Any

from meshd.errors import NodeError
from meshd.service.context import Context, Result
from meshd.service.outside import refuse_outsiders
from meshd.service.verbs import verb
from meshd.sneakernet.export import Narrow, own_bundle
from meshd_protocol.control import FLAG, NUMBER


@verb("qr", {"since": NUMBER, "decisions_only": FLAG})
def qr(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd qr`: what this device wrote and nobody else is known to have, or what it wrote since."""
    assembly = context.assembly
    if not assembly.keys.network:
        raise NodeError("an application is not shown: it travels by the network or a stick", "`meshd export DIR`")
    refuse_outsiders(context)
    since_ms = arguments.get("since") or 0
    data, records = own_bundle(assembly, Narrow(since_ms, bool(arguments.get("decisions_only"))))
    if not records:
        what = " that decides" if arguments.get("decisions_only") else ""
        why = f"you wrote nothing{what} since" if since_ms else f"others have all{what} that you wrote"
        raise NodeError(
            why, "`meshd qr --since 2h` shows what you wrote since, whoever has it; `meshd qr FILE` a file."
        )
    return {"bundle": base64.b64encode(data).decode(), "records": records, "bytes": len(data)}
