"""The verb passphrase: another one for the keys of this assembly, while its node runs or not."""

from typing import Any

from meshd.assembly import keystore
from meshd.errors import UsageError
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd_protocol.control import FLAG, SECRET


@verb("passphrase", {"old": SECRET, "new": SECRET, "none": FLAG})
def passphrase(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd passphrase`: lock the key file with another one, or with `none`. Raises PassphraseError where the old one
    is wrong.
    """
    assembly = context.assembly
    keystore.load(assembly.folder, arguments.get("old") or "")
    if not arguments.get("none") and not arguments.get("new"):
        raise UsageError("an empty passphrase protects nothing")
    assembly.lock_with(None if arguments.get("none") else arguments["new"])
    return {"name": assembly.title}
