"""The verb passphrase: another one for the keys of this assembly, while its node runs or not."""

from typing import Any

from meshd.assembly import keystore
from meshd.errors import UsageError
from meshd.home import UNPROTECTED
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd_crypto.passphrase import new_lock
from meshd_protocol.control import SECRET


@verb("passphrase", {"old": SECRET, "new": SECRET})
def passphrase(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd passphrase`: lock the key file with another one. Raises PassphraseError where the old one is wrong."""
    assembly = context.assembly
    keystore.load(assembly.folder, arguments.get("old") or "")
    if not arguments.get("new"):
        raise UsageError("an empty passphrase protects nothing")
    assembly.lock_with(new_lock(arguments["new"], assembly.world.cost, assembly.world.entropy))
    return {"name": assembly.title}


def is_unprotected(context: Context) -> bool:
    """Whether this home's passphrase lies beside its keys, as its person chose."""
    return (context.assembly.folder.parent / UNPROTECTED).exists()
