"""The one table of context strings: no two uses of a key or a hash share one.

Whatever is signed or hashed starts with its context; whatever is encrypted binds it. The specification prints this
table, and a test compares the two.
"""

RECORD = b"meshd/record/"
"""Signed by a device: this, the header's version in decimal, a zero byte, the assembly's id, the header."""

CERTIFICATE = b"meshd/certificate/1\x00"
"""Signed by a member key: this, the assembly's id, the certificate's body without its signature."""

REVOCATION = b"meshd/revocation/1\x00"
"""Signed by a member key: this, the assembly's id, the revocation's body without its signature."""

APPLICATION = b"meshd/application/1\x00"
"""Signed by an invitation's key: this, the assembly's id, the application's body without its signature."""

ROSTER = b"meshd/roster/1\x00"
"""Hashed into a roster's id: this, the assembly's id, the sorted ids of the set."""

FOLLOWED = b"meshd/followed/1\x00"
"""Hashed into the id by which a federation holds what changes a member: this, the member's id, the id there."""

FRONTIER = b"meshd/frontier/1\x00"
"""Hashed into the digest of a whole frontier."""

BRANCHES = b"meshd/branches/1\x00"
"""Hashed into the digest of a forked chain: this, then the sorted ids of its records."""

WELCOME = b"meshd/welcome/1\x00"
"""First bytes of what a welcome seals, followed by the assembly's id."""

ROTATION = b"meshd/rotation/1\x00"
"""First bytes of what a rotation seals to each device, followed by the assembly's id."""

REFOUNDING = b"meshd/refounding/1\x00"
"""First bytes of what a refounding seals to each device, followed by both assemblies' ids, old and new."""

LETTER = b"meshd/letter/1\x00"
"""First bytes of what a letter seals to each device: the key of its text. Bound into the text's box, too."""

COUNTED = b"meshd/counted/1\x00"
"""Hashed with the sorted ids of the ballots that an attestation counted."""

TREE = b"meshd/tree/1\x00"
"""Hashed into a member's place in a communication tree: this, the alarm's id, the order's number, the member key."""

LOT_COMMIT = b"meshd/lot/commit/1\x00"
"""Hashed into a commit: this, the draw's id, the drawer's member key, their secret."""

LOT_SEED = b"meshd/lot/seed/1\x00"
"""Hashed into the seed of a lot: this, the draw's id, the secrets by drawer."""

LOT_PLACE = b"meshd/lot/place/1\x00"
"""Hashed into a member's place on the list: this, the seed, the member key."""

LOT_SECRET = b"meshd/lot/secret/1"
"""Derives from a device's signing seed the secret that it commits to: of the draw's id."""

PROOF = b"meshd/proof/1\x00"
"""First bytes of a proof; hashed into its last 32 bytes."""

INVITATION = b"meshd/invitation/1"
"""Derives from a network key the key that an invitation's psk travels under; binds assembly and public key."""

PSK_NETWORK = b"meshd/psk/network/1"
"""Derives the handshake psk of an assembly from a network key."""

PSK_INVITATION = b"meshd/psk/invitation/1"
"""Derives the handshake psk of a newcomer from an invitation's psk."""

SESSION = b"meshd/session/1\x00"
"""Prologue of the Noise handshake."""

HEADS = b"meshd/heads/1"
"""Derives the key of the 8-byte head hashes of one session from both sides' nonces."""

DISCOVERY = b"meshd/discovery/1"
"""Derives from a network key the key of the tags that mDNS announces."""

STICK = b"meshd/stick/1"
"""Derives from the first network key the name of the assembly's folder on a stick."""

STICK_KEYS = b"meshd/stick-keys/1"
"""Derives from a network key the name of the file on a stick that holds it, sealed to devices."""

SEGMENT = b"meshd/segment/1"
"""Derives from a network key the key of segments; bound into each."""

MANIFEST = b"meshd/manifest/1"
"""Derives from a network key the key of manifests; bound into each."""

MANIFEST_SIGNATURE = b"meshd/manifest/signature/1\x00"
"""Signed by a device: this, the assembly's id, the manifest."""

KEY_NAME = b"meshd/key-name/1"
"""Derives from a network key the short name by which segments say which key opens them."""

JOIN_FOLDER = b"meshd/join/1\x00"
"""Hashed with an invitation's public key into the name of its folder on a stick."""

JOIN_APPLICATION = b"meshd/join/application/1"
"""Derives from an invitation's psk the key of the application on a stick."""

JOIN_ANSWER = b"meshd/join/answer/1"
"""Derives from an invitation's psk the key of the answer on a stick."""

KEY_FILE = b"meshd/keys/1\x00"
"""First bytes of a key file (`meshd_crypto.passphrase.MAGIC`)."""
