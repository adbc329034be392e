"""A small file as text: in any order, with anything between, and every mistake told by its number."""

import io
import random
import re

import pytest
import segno
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from meshd_cli import codes, reading
from meshd_cli.errors import CommandError
from meshd_protocol import contexts, limits
from meshd_protocol.errors import BadPartsError
from meshd_protocol.parts import FRAME, read_parts, write_parts

DATA = random.Random(7).randbytes(1000)


@given(st.binary(min_size=1, max_size=3000), st.integers(FRAME + 32, 4296), st.randoms(use_true_random=False))
def test_whatever_is_written_is_read_in_any_order(data, characters, rng):
    parts = write_parts(data, characters)
    assert max(map(len, parts)) <= characters
    assert all(re.fullmatch(r"[A-Z0-9.]+", part) for part in parts), "what a QR code packs densest"
    shuffled = [*parts, rng.choice(parts)]
    rng.shuffle(shuffled)
    assert read_parts(shuffled) == data
    assert read_parts(["\n > and then\n".join(shuffled).lower()]) == data


def test_what_is_missing_or_mistaken_is_told_by_its_number():
    parts = write_parts(DATA, 300)
    with pytest.raises(BadPartsError, match=r"^of 6 parts these are missing: 2, 5$"):
        read_parts(parts[:1] + parts[2:4] + parts[5:])
    for at in range(len("MESHD."), len(parts[3])):
        for letter in "A.":
            if parts[3][at] != letter:
                spoiled = parts[3][:at] + letter + parts[3][at + 1 :]
                with pytest.raises(BadPartsError, match=r"4|several|no whole part"):
                    read_parts([*parts[:3], spoiled, *parts[4:]])
    with pytest.raises(BadPartsError, match=r"^of 6 parts these have a mistake: 4; of 6 parts these are missing: 1$"):
        read_parts([*parts[1:3], parts[3][:-3] + "AA.", *parts[4:]])
    with pytest.raises(BadPartsError, match="and more"):
        read_parts(write_parts(DATA, 100)[:2])


def test_a_part_that_is_cut_costs_itself_alone():
    parts = write_parts(DATA, 300)
    text = "then".join([parts[0][:-20], *parts[1:]])
    with pytest.raises(BadPartsError, match=r"^of 6 parts these have a mistake: 1$|^of 6 parts these are missing: 1$"):
        read_parts([text])
    assert read_parts([text, parts[0]]) == DATA


def test_parts_of_several_files_are_not_mixed():
    other = write_parts(DATA[::-1], 300)
    with pytest.raises(BadPartsError, match="of several files"):
        read_parts([*write_parts(DATA, 300), *other])
    with pytest.raises(BadPartsError, match="of several files"):
        read_parts([*write_parts(DATA, 300)[1:], *other[1:]])
    with pytest.raises(BadPartsError, match="of several files"):  # one of them is whole: nobody takes both for read
        read_parts([*write_parts(DATA, 300), *other[1:]])


def test_a_file_that_was_cut_in_two_ways_is_one(tmp_path):
    assert read_parts([*write_parts(DATA, 300)[1:], *write_parts(DATA, 500)]) == DATA
    with pytest.raises(BadPartsError, match="of 6 parts these are missing: 1"):
        read_parts([*write_parts(DATA, 300)[1:], *write_parts(DATA, 500)[1:2]])
    with pytest.raises(BadPartsError, match="nothing that meshd showed"):
        read_parts(["https://example.org/menu"])
    (only,) = write_parts(b"short", 300)
    with pytest.raises(BadPartsError, match="has mistakes in it"):
        read_parts([only[:-3] + "0" + only[-2:]])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_a_letter_in_any_encoding_and_of_any_length(tmp_path, encoding):
    path = tmp_path / "letter"
    words = "BM says: Grüße\n" + "\n".join(write_parts(DATA, 300)) + "\n" + "ä" * 2_000_000
    path.write_bytes(words.encode(encoding))
    assert reading.whole([str(path)], 10) == DATA


def test_a_ticket_is_found_beside_other_codes(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_texts", lambda *_: ["https://example.org/menu", "MESHD:ABC"])
    path = tmp_path / "two"
    path.write_bytes(b"x")
    assert reading.line(str(path)) == "MESHD:ABC"
    monkeypatch.setattr(reading, "_texts", lambda *_: write_parts(DATA, 300))
    with pytest.raises(CommandError, match="no ticket"):
        reading.line(str(path))


@pytest.mark.parametrize(
    ("size", "characters"),
    [(0, 300), (limits.PARTS_BYTES + 1, 4296), (limits.PARTS * ((300 - FRAME) * 5 // 8) + 1, 300), (1, FRAME)],
)
def test_what_is_too_much_is_refused(size, characters):
    with pytest.raises(BadPartsError, match="too much"):
        write_parts(bytes(size), characters)


def test_as_many_parts_as_there_may_be():
    data = bytes(limits.PARTS * ((300 - FRAME) * 5 // 8))
    parts = write_parts(data, 300)
    assert (len(parts), read_parts(parts)) == (limits.PARTS, data)
    more = [part.replace(f".{limits.PARTS}.", f".{limits.PARTS + 1}.") for part in parts]
    with pytest.raises(BadPartsError):
        read_parts(more)


def test_how_much_a_code_holds():
    for version, room in enumerate(codes.CAPACITY, 1):
        if version % 6 == 1:  # each costs its size
            assert segno.make("A" * room, version=version, error="l", mode="alphanumeric").version == version
            with pytest.raises(segno.DataOverflowError):
                segno.make("A" * (room + 1), version=version, error="l", mode="alphanumeric")


class _Screen(io.StringIO):
    """A terminal with half blocks."""

    encoding = "utf-8"


def test_what_stands_on_a_terminal_is_read_by_a_camera():
    screen = _Screen()
    parts = write_parts(DATA, codes.CAPACITY[9])
    codes.show_lines(parts, screen)
    found = [_seen(part) for part in re.split(r"Part \d of \d\n", screen.getvalue()) if part.strip()]
    assert read_parts(reversed(found)) == DATA


def _seen(text):
    """What is in a code that is drawn with half blocks, white on black."""
    rows = []
    for line in text.rstrip("\n").split("\n"):
        rows += [[each in "▀█" for each in line], [each in "▄█" for each in line]]
    picture = Image.new("L", (len(rows[0]), len(rows)))
    picture.putdata([255 * light for row in rows for light in row])
    (found,) = zxingcpp.read_barcodes(picture.resize((4 * picture.width, 4 * picture.height), Image.Resampling.NEAREST))
    return found.text


def test_pictures_and_texts_are_read_together(tmp_path):
    proof = contexts.PROOF + DATA * 3
    paths = codes.pictures(proof, tmp_path / "proof.png")
    assert [path.name for path in paths] == [f"proof-{n}-of-{len(paths)}.png" for n in range(1, len(paths) + 1)]
    assert len(paths) > 2
    turned = tmp_path / "turned.jpg"
    with Image.open(paths[1]) as picture:
        picture.convert("L").rotate(90, expand=True).save(turned, quality=60)
    (tmp_path / "text").write_text("\n".join(write_parts(proof, codes.CAPACITY[19])[2:]))
    given = [str(tmp_path / "text"), str(turned), str(paths[0])]
    assert reading.whole(given, 10) == proof
    with pytest.raises(CommandError, match="these are missing: 1"):
        reading.whole(given[:2], 10)


def test_a_file_that_is_no_part_stays_as_it_is(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    assert reading.whole([str(path)], len(DATA)) == DATA


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("no code", b"", "no QR code"),
        ("cut", b"\x89PNG\r\n\x1a\n\x00\x00", "no picture that can be read"),
        ("a bomb", b"P5 20000 20000 255\n", "more points|no picture"),
        ("of another kind", b"BM" + bytes(60), "no picture that can be read"),
        ("neither", b"\x01\x00\x02", "neither text nor a picture"),
    ],
)
def test_what_is_no_picture_of_a_code_is_told(tmp_path, name, data, said):
    path = tmp_path / name
    if data:
        path.write_bytes(data)
    else:
        Image.new("L", (50, 50), 255).save(path, "PNG")
    with pytest.raises(CommandError, match=said):
        reading.whole([str(path), str(path)], 10)


def test_pictures_without_the_libraries_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zxingcpp", None)
    path = tmp_path / "x.png"
    Image.new("L", (50, 50), 255).save(path)
    with pytest.raises(CommandError, match="zxing-cpp and Pillow") as found:
        reading.whole([str(path)], 10)
    assert "meshd-assembly[pictures]" in found.value.hint


def test_a_terminal_that_is_too_small_says_how_large_it_must_be(monkeypatch):
    screen = _Screen()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(screen, "fileno", lambda: 1)
    monkeypatch.setattr(codes.os, "get_terminal_size", lambda _: (60, 24))
    with pytest.raises(CommandError, match=r"60 × 24 is too small for the QR code: it takes 61 × 34"):
        codes.show_lines(write_parts(DATA[:200], codes.CAPACITY[9]), screen)
    assert screen.getvalue() == ""
    monkeypatch.setattr(codes.sys, "stdout", screen)
    codes.show(DATA[:200])
    assert screen.getvalue().count("Part") > 1, "in a small window there are more of them"
    monkeypatch.setattr(codes.os, "get_terminal_size", lambda _: (40, 20))
    with pytest.raises(CommandError, match=r"the smallest takes 41 × 24"):
        codes.show(DATA[:200])
