"""Crypto against public vectors, an independent oracle, and its own promises."""

import random

import pytest
from noise.connection import Keypair, NoiseConnection

from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.noise import PATTERNS, Handshake, HandshakeError
from meshd_crypto.passphrase import Cost, NotAKeyFileError, new_lock, open_keys, seal_keys
from meshd_crypto.sealing import CannotOpenError, lock, seal, unlock, unseal
from meshd_crypto.signing import sign, verify
from tests.vectors import load

ENTROPY = random.Random(1).randbytes
NOISE = load("noise.json", 17)
EDGES = load("ed25519-speccheck.json", 12)

LIBSODIUM_SAYS = [False, False, False, True, False, False, False, False, False, False, False, False]
"""Which of the twelve edge cases libsodium accepts. A change here would split assemblies."""


def _key(hexed: str | None) -> ExchangeKey | None:
    return ExchangeKey.from_secret(bytes.fromhex(hexed)) if hexed else None


def _side(vector: dict[str, object], role: str) -> Handshake:
    def text(name: str) -> str | None:
        value = vector.get(f"{role}_{name}")
        return value if isinstance(value, str) else None

    ephemeral = _key(text("ephemeral"))
    assert ephemeral is not None
    remote = text("remote_static")
    psks = vector.get(f"{role}_psks")
    return Handshake(
        str(vector["protocol_name"]).split("_")[1],
        initiator=role == "init",
        prologue=bytes.fromhex(text("prologue") or ""),
        ephemeral=ephemeral,
        static=_key(text("static")),
        remote_static=bytes.fromhex(remote) if remote else None,
        psks=tuple(bytes.fromhex(psk) for psk in psks) if isinstance(psks, list) else (),
    )


@pytest.mark.parametrize("vector", NOISE, ids=[f"{v['source']}-{v['protocol_name']}"[:60] for v in NOISE])
def test_noise_vectors(vector):
    """Every public vector, both roles, handshake and transport, byte for byte."""
    initiator, responder = _side(vector, "init"), _side(vector, "resp")
    sides = (initiator, responder)
    messages = vector["messages"]
    turn = 0
    while not initiator.finished:
        writer, reader = sides[turn % 2], sides[(turn + 1) % 2]
        payload = bytes.fromhex(messages[turn]["payload"])
        data = writer.write_message(payload)
        assert data.hex() == messages[turn]["ciphertext"]
        assert reader.read_message(data) == payload
        turn += 1
    assert initiator.hash == responder.hash
    if "handshake_hash" in vector:
        assert initiator.hash.hex() == vector["handshake_hash"]
    ciphers = (initiator.split(), responder.split())
    for number, message in enumerate(messages[turn:], turn):
        payload = bytes.fromhex(message["payload"])
        data = ciphers[number % 2][0].encrypt(payload)
        assert data.hex() == message["ciphertext"]
        assert ciphers[(number + 1) % 2][1].decrypt(data) == payload


def test_every_pattern_is_driven_by_a_vector():
    assert {vector["protocol_name"].split("_")[1].split("psk")[0] for vector in NOISE} == set(PATTERNS)


@pytest.mark.parametrize("ours_first", [True, False])
def test_noise_xxpsk0_against_an_independent_implementation(ours_first):
    """XXpsk0 itself is in no public set of vectors: an oracle plays the other side."""
    psk, prologue = b"k" * 32, b"prologue"
    mine, theirs, ephemeral = (ExchangeKey.generate(ENTROPY) for _ in range(3))
    ours = Handshake("XXpsk0", initiator=ours_first, prologue=prologue, ephemeral=ephemeral, static=mine, psks=(psk,))
    oracle = NoiseConnection.from_name(b"Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b")
    oracle.set_psks(psk)
    oracle.set_prologue(prologue)
    oracle.set_keypair_from_private_bytes(Keypair.STATIC, theirs.secret)
    if ours_first:
        oracle.set_as_responder()
    else:
        oracle.set_as_initiator()
    oracle.start_handshake()
    for number in range(3):
        if (number % 2 == 0) == ours_first:
            assert oracle.read_message(ours.write_message(b"x" * number)) == b"x" * number
        else:
            assert ours.read_message(bytes(oracle.write_message(b"y" * number))) == b"y" * number
    assert ours.remote_static == theirs.public
    sending, receiving = ours.split()
    assert oracle.decrypt(sending.encrypt(b"hello")) == b"hello"
    assert receiving.decrypt(bytes(oracle.encrypt(b"hello back"))) == b"hello back"


def _pair(psk: bytes = b"k" * 32, other: bytes = b"k" * 32):
    keys = [ExchangeKey.generate(ENTROPY) for _ in range(4)]
    one = Handshake("XXpsk0", initiator=True, prologue=b"", ephemeral=keys[0], static=keys[1], psks=(psk,))
    two = Handshake("XXpsk0", initiator=False, prologue=b"", ephemeral=keys[2], static=keys[3], psks=(other,))
    return one, two


def test_noise_refuses_another_psk_damage_and_short_messages():
    one, two = _pair(other=b"j" * 32)
    first = one.write_message(b"payload")
    with pytest.raises(HandshakeError):
        two.read_message(first)
    for bad in (first[:-1] + bytes([first[-1] ^ 1]), first[:31], b"", first + b"x" * 65536):
        _, fresh = _pair()
        with pytest.raises(HandshakeError):
            fresh.read_message(bad)


def test_noise_refuses_a_low_order_point():
    """libsodium raises a bare RuntimeError there; it must come out as a handshake that failed."""
    one, two = _pair()
    object.__setattr__(one, "_ephemeral", ExchangeKey(b"\x01" * 32, bytes(32)))
    first = one.write_message()
    two.read_message(first)
    with pytest.raises(HandshakeError, match="low-order"):
        two.write_message()


def test_noise_transport_keeps_its_counter_when_a_frame_is_forged():
    one, two = _pair()
    two.read_message(one.write_message())
    one.read_message(two.write_message())
    two.read_message(one.write_message())
    sending, receiving = one.split()[0], two.split()[1]
    frame = sending.encrypt(b"real")
    with pytest.raises(HandshakeError):
        receiving.decrypt(b"\x00" * len(frame))
    assert receiving.decrypt(frame) == b"real"


@pytest.mark.parametrize("number", range(12))
def test_ed25519_edge_cases_are_as_libsodium_says(number):
    case = EDGES[number]
    key, message, signature = (bytes.fromhex(case[name]) for name in ("pub_key", "message", "signature"))
    assert verify(key, message, signature) is LIBSODIUM_SAYS[number]


def test_signatures_verify_only_what_was_signed():
    key = SigningKey.generate(ENTROPY)
    signature = sign(key, b"words")
    assert verify(key.public, b"words", signature)
    assert not verify(key.public, b"word", signature)
    assert not verify(SigningKey.generate(ENTROPY).public, b"words", signature)
    assert not verify(key.public, b"words", signature[:-1])
    assert not verify(key.public[:-1], b"words", signature)


def test_a_key_file_opens_with_its_passphrase_alone():
    mine = new_lock("pass phrase ü", Cost(1, 8192), ENTROPY)
    sealed = seal_keys(mine, b"secrets", ENTROPY)
    opened, plain = open_keys(sealed, "pass phrase ü")
    assert (opened, plain) == (mine, b"secrets")
    assert b"secrets" not in sealed
    with pytest.raises(CannotOpenError):
        open_keys(sealed, "pass phrase u")
    for at in range(len(sealed)):
        bad = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        if 13 <= at < 21:  # the cost: only read it where it is harmless
            continue
        with pytest.raises((CannotOpenError, NotAKeyFileError)):
            open_keys(bad, "pass phrase ü")


@pytest.mark.parametrize("cost", [(0, 8192), (1, 4096), (1000, 8192), (1, 1 << 33)])
def test_a_key_file_cannot_ask_for_an_absurd_cost(cost):
    head = b"meshd/keys/1\x00" + cost[0].to_bytes(4, "big") + (cost[1] >> 10).to_bytes(4, "big") + bytes(16)
    with pytest.raises(NotAKeyFileError):
        open_keys(head + bytes(64), "x")


def test_boxes_and_seals_open_for_the_right_key_alone():
    box = lock(b"k" * 32, b"plain", b"context", ENTROPY)
    assert unlock(b"k" * 32, box, b"context") == b"plain"
    for key, data, context in (
        (b"j" * 32, box, b"context"),
        (b"k" * 32, box, b"other"),
        (b"k" * 32, box[:-1], b"context"),
        (b"k" * 32, b"", b"context"),
    ):
        with pytest.raises(CannotOpenError):
            unlock(key, data, context)
    mine, other = ExchangeKey.generate(ENTROPY), ExchangeKey.generate(ENTROPY)
    sealed = seal(mine.public, b"plain")
    assert unseal(mine, sealed) == b"plain"
    for key, data in ((other, sealed), (mine, sealed[:-1]), (mine, b"")):
        with pytest.raises(CannotOpenError):
            unseal(key, data)
