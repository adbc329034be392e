"""Paper ballots in files: real elections in the forms that they are published in, every extension, and files that are
damaged, which are refused with the line. Nothing is guessed, and what is skipped is told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol import limits
from meshd_protocol.decisions.counting import irv, stv_scottish
from meshd_protocol.errors import BadPapersError
from meshd_protocol.papers.ballots import ballots_for, problem
from meshd_protocol.papers.blt import read_blt
from meshd_protocol.papers.preflib import read_preflib
from tests.vectors import data_of

# ---- real elections

REAL = {
    "aberdeenshire-2022-ward6.party.blt": (
        ("George HALL", "Neil JOHNSTONE", "Colin Alexander SIMPSON", "Stephen William SMITH"),
        "Ward 6 - Peterhead South and Cruden", 3, 3395, "Scottish Liberal Democrats",
    ),
    "eilean-siar-2022-ward4.csv-quoted.blt": (
        ("Paul FINNEGAN", "Grant FULTON", "John Graham MITCHELL"), "Ward 4 Na Hearadh", 2, 739, "Independent",
    ),
    "glasgow-2007-springburn.comments.blt": (
        ("Margaret Bean (Soc)", "Graham Campbell (Sol)", "Graeme Dickson (Con)", "Phil Greene (SNP)",
         "Patrick Mcaleer (Grn)", "Robert G C Sawers (Scottish Unionist)", "Kenny Smith (BNP)", "Allan Stewart (Lab)",
         "John H Stuart (LD)", "James Todd (Lab)"),
        "Springburn", 3, 5410, None,
    ),
    "perth-kinross-2016-ward9.commas.blt": (
        ("Kathleen BAIRD", "Denise BAYKAL", "George HAYTON", "Wilma,LUMSDEN", "Dave MACKENZIE"),
        "Ward 9 - Almond and Earn", 1, 3431, "commas between fields, or after them, were skipped",
    ),
}  # fmt: skip


@pytest.mark.parametrize("file", REAL)
def test_real_papers_as_they_are_published(file):
    names, title, seats, papers, note = REAL[file]
    read = read_blt(data_of(f"elections/{file}"))
    assert (read.names, read.title, read.seats) == (names, title, seats)
    assert sum(weight for weight, _ in read.ballots) == papers
    assert [note in each for each in read.notes[:1]] == ([True] if note else [])
    result = stv_scottish.count(read.ballots, read.names, read.seats)
    assert len(result.winners) == seats


def test_a_comma_in_a_name_is_told_with_its_line():
    read = read_blt(data_of("elections/perth-kinross-2016-ward9.commas.blt"))
    assert read.notes[1] == "line 189: the comma in Wilma,LUMSDEN was taken for a part of the name."


@pytest.mark.parametrize("file", REAL)
def test_real_papers_cut_off_anywhere_are_refused_with_the_line(file):
    """Cut at the end of each of the first and last lines, and of one in eight between them, which are all ballots."""
    data = data_of(f"elections/{file}").rstrip(b"\n")
    ends = [found.start() for found in re.finditer(b"\n", data)]
    # Without its last line a file has no title, which may be: all others are needed.
    needed = ends[: len(ends) - 1]
    for end in [*needed[:30], *needed[30:-90:8], *needed[30:][-90:]]:
        with pytest.raises(BadPapersError) as error:
            read_blt(data[:end])
        assert re.search(r"\bline \d+\b", str(error.value))


def test_nicknames_hold_from_their_line_on():
    read = read_blt(b"3 1\n1 1 2 0\n[nick 3 1 2]\n1 1 2 0\n0\nA\nB\nC\n")
    assert read.ballots == ((1, ((0,), (1,))), (1, ((1,), (2,))))


FORMS = [
    ('"A B"\n"C D"\n"T"', ("A B", "C D"), "T"),
    ("A B\nC D\nT", ("A B", "C D"), "T"),
    ("A B\nC D", ("A B", "C D"), ""),
    ('"A B" "C D" "T"', ("A B", "C D"), "T"),
    ('"A B" "P"\n"C D" "Q"\n"T"', ("A B", "C D"), "T"),
    ('"A B" "P" "x"\n"C D"\n"T"', ("A B", "C D"), "T"),
    ('"A B","P",\n"C D","Q",\n"T",', ("A B", "C D"), "T"),
    ('A B "P"\nC D "Q"\nT', ("A B", "C D"), "T"),
    ('"A B ""P"""\n"C D ""Q"""\nT', ("A B", "C D"), "T"),
    ('"A ""P"" B"\n"C D"\nT', ('A "P" B', "C D"), "T"),
    ('A "P" B\nC D\nT', ('A "P" B', "C D"), "T"),
    ('"A B" "P"\n"A B" "Q"\n"T"', ("A B, P", "A B, Q"), "T"),
    ("A B,\nC D,\nT,", ("A B", "C D"), "T"),
    ("# ALTERNATIVE NAME 1: A B\n# ALTERNATIVE NAME 2: C D\nT", ("A B", "C D"), "T"),
    ("# ALTERNATIVE NAME 2: C D,\n# ALTERNATIVE NAME 1: A B,\n", ("A B", "C D"), ""),
    ("# ALTERNATIVE NAME 1: X\nA B\nC D\nT", ("A B", "C D"), "T"),
]


def test_all_names_may_share_a_line():
    papers = read_blt(b'3 1\n3 1 2 0\n0\n"A" "B" "C"\n"T"\n')
    assert (papers.names, papers.title, papers.notes) == (("A", "B", "C"), "T", ())


@pytest.mark.parametrize(("end", "names", "title"), FORMS)
def test_names_in_every_form(end, names, title):
    papers = read_blt(f"2 1\n3 1 2 0\n0\n{end}\n".encode())
    assert (papers.names, papers.title) == (names, title)
    skipped = ('"P"' in end and "A B, P" not in names and "A B" in names) or '""P"""' in end
    assert any("what follows a name was skipped" in note for note in papers.notes) == skipped


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ('"A B"\n"C D\n', "line 5: a quote is not closed"),
        ('"A B" "P\n"C D"\n', "line 4: a quote is not closed"),
        ("A B\nA B\nT", "line 5: two candidates have one name, A B"),
        ('"A B"\n""\n"T"', "line 5: a candidate has no name"),
        ('"A B" "C D"\n"T"', "line 4: a name and its party, or two names?"),
        ('"A B" "C D"', "line 4: 1 names for 2"),
        ("A B", "line 4: 1 names for 2 candidates"),
        ("A B\nC D\nT\nU\nV", "line 7: more lines after the ballots"),
        ("# ALTERNATIVE NAME 1: A B\nT", "line 5: 1 names for 2 candidates"),
        ("# ALTERNATIVE NAME 1: A B\n# ALTERNATIVE NAME 3: C D\nT", "line 5: there is no candidate 3"),
        ("# ALTERNATIVE NAME 1: A B\n# ALTERNATIVE NAME 1: C D\nT", "line 5: there is no candidate 1, or it has"),
        ("# ALTERNATIVE NAME 1: A B\n# ALTERNATIVE NAME 2:\nT", "line 5: a candidate has no name"),
    ],
)
def test_damaged_names_are_refused_with_the_line(end, words):
    with pytest.raises(BadPapersError) as error:
        read_blt(f"2 1\n3 1 2 0\n0\n{end}\n".encode())
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text", ["2 1,\n3, 2, 1, 0,\n1 2 0,\n0,", "2,1,\n3,2,1,0,\n1,2,0,\n0,", "2 1\n3 2 1 0 ,\n1 2 0\n0"]
)
def test_commas_after_fields_are_skipped_and_told(text):
    papers = read_blt(f"{text}\nA\nB\n".encode())
    assert papers.ballots == ((3, ((1,), (0,))), (1, ((1,),)))
    assert "commas between fields" in papers.notes[0]


@pytest.mark.parametrize("ballot", ["1,5 1 0", "1 1,2 0", "1 ,2 0", "1 2 0,0"])
def test_a_comma_within_a_number_is_not_guessed_at(ballot):
    with pytest.raises(BadPapersError, match=r"^line 2: "):
        read_blt(f"2 1\n{ballot}\n0\nA\nB\n".encode())


def test_an_order_for_ties_is_told_and_not_used():
    papers = read_blt(b"3 2\n[nick a b c]\n[tie c b a]\n3 a 0\n0\n'A'\nB\nC\n")
    assert len(papers.notes) == 1
    assert papers.notes[0].startswith("line 3: [tie c b a] was skipped")
    for bad in (b"[tie]", b"[tie a a]", b"[tie d]", b"[tie a"):
        with pytest.raises(BadPapersError, match=r"^line 3: "):
            read_blt(b"3 2\n[nick a b c]\n%s\n3 a 0\n0\nA\nB\nC\n" % bad)


# ---- every extension

GOOD = b"""3 1 # candidates, seats
[nick a b c]
-2
2 a=c b 0
(17) 1 3 - 1 0   # a number in brackets
4 0
0
"Anna # not a comment"
"Bo"
Cy
"A vote"
"""


def test_a_blt_file_with_every_extension():
    papers = read_blt(GOOD)
    assert papers[:3] == ("A vote", ("Anna # not a comment", "Cy"), 1)
    assert papers.ballots == ((2, ((0, 1),)), (1, ((1,), (0,))), (4, ()))
    assert papers.notes == (
        "line 5: a ballot's own number, in brackets, was skipped.",
        "line 5: a ballot skips a rank; what follows moves up.",
        "left out, as withdrawn: Bo.",
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: b"", "before candidates and seats"),
        (lambda d: d[:60], "cut"),
        (lambda d: d.replace(b'Cy\n"A vote"\n', b""), "line 9: 2 names for 3 candidates"),
        (lambda d: d + b'"x"\n"y"\n"z"\n"u"\n', "line 12: more lines after the ballots"),
        (lambda d: d.replace(b"3 1 #", b"3 0 #"), "line 1: nobody can be elected to no seat"),
        (lambda d: d.replace(b"3 1 #", b"0 1 #"), "line 1: there are no candidates"),
        (lambda d: d.replace(b"3 1 #", b"three 1 #"), "line 1: a BLT file begins"),
        (lambda d: d.replace(b"3 1 #", b"99999 1 #"), "line 1: 99999 candidates"),
        (lambda d: d.replace(b"2 a=c b 0", b"-2 a=c b 0"), "line 4: a ballot can't weigh -2"),
        (lambda d: d.replace(b"2 a=c b 0", b"2.5 a=c b 0"), "line 4: a ballot begins with how many"),
        (lambda d: d.replace(b"2 a=c b 0", b"2 a=c b"), "line 4: a ballot ends with 0"),
        (lambda d: d.replace(b"2 a=c b 0", b"2 a=a b 0"), "line 4: a=a ranks a candidate twice"),
        (lambda d: d.replace(b"2 a=c b 0", b"2 a b a 0"), "line 4: a ranks a candidate twice"),
        (lambda d: d.replace(b"2 a=c b 0", b"2 a d 0"), "line 4: there is no candidate 'd'"),
        (lambda d: d.replace(b"2 a=c b 0", b"2 4 0"), "line 4: there is no candidate '4'"),
        (lambda d: d.replace(b"-2", b"-7"), "line 3: there is no candidate '7'"),
        (lambda d: d.replace(b"[nick a b c]", b"[nick a b]"), "line 2: 2 nicknames"),
        (lambda d: d.replace(b"[nick a b c]", b"[nick a b c"), "line 2: this bracket"),
        (lambda d: d.replace(b"[nick a b c]", b"[ties a b c]"), "line 2: [ties …]"),
        (lambda d: d.replace(b"Cy", b'"Bo"'), "line 10: two candidates have one name"),
        (lambda d: d.replace(b"Cy", "Sör".encode("latin-1")), "line 10 is not in UTF-8"),
        (lambda d: d.replace(b"\n0\n", b"\n"), "line 7: a ballot begins"),
    ],
)  # fmt: skip
def test_spoilt_blt_files_name_the_line(spoil, words):
    with pytest.raises(BadPapersError) as error:
        read_blt(spoil(GOOD))
    assert words in str(error.value)


def _read_or_refuse(reader, data):
    """Papers, or the reader's own error, which names a line of the file."""
    try:
        papers = reader(data)
    except BadPapersError as error:
        lines = [int(number) for number in re.findall(r"\bline (\d+)\b", str(error))]
        assert lines, error
        assert 1 <= lines[0] <= len(re.findall(b"\r\n|\n|\r", data)) + 1
        return None
    assert 1 <= len(papers.names) <= limits.CANDIDATES
    assert len(set(papers.names)) == len(papers.names)
    return papers


@given(st.binary(max_size=300))
def test_garbage_is_no_papers(data):
    for reader in (read_blt, read_preflib):
        assert _read_or_refuse(reader, data) is None


@given(st.text(alphabet='0123456789 -=ab[]#",:\n\r', max_size=120))
def test_nearly_papers_never_crash(text):
    for reader in (read_blt, read_preflib):
        _read_or_refuse(reader, text.encode())


@given(st.sampled_from([*REAL, None]), st.randoms(use_true_random=False), st.integers(1, 8))
def test_real_papers_with_bytes_changed_are_read_or_refused_with_a_line(file, rng, changes):
    """Bytes changed, put in, or left out: most near the end, where the names are."""
    reader = read_blt if file else read_preflib
    data = bytearray(data_of(f"elections/{file}") if file else SOI)
    for _ in range(changes):
        place = rng.choice([rng.randrange(len(data)), max(0, len(data) - rng.randrange(1, 200))])
        new = bytes([rng.choice([*b'\n"#,0 1=-[]', rng.randrange(256)])])
        data[place : place + rng.randrange(2)] = new * rng.randrange(2)
    _read_or_refuse(reader, bytes(data))


SOI = b"""# FILE NAME: x.soi
# TITLE: Lunch
# NUMBER ALTERNATIVES: 3
# ALTERNATIVE NAME 1: Soup
# ALTERNATIVE NAME 2: Bread
3: 1,2
2: {2,3},1
1: 3
"""


def test_a_preflib_file():
    papers = read_preflib(SOI)
    assert papers.names == ("Soup", "Bread", "Alternative 3")
    assert papers.ballots == ((3, ((0,), (1,))), (2, ((1, 2), (0,))), (1, ((2,),)))
    assert irv.count(papers.ballots, papers.names).winners == (0,)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.replace(b"# NUMBER ALTERNATIVES: 3\n", b""), "before `# NUMBER ALTERNATIVES`"),
        (lambda d: d.replace(b"3: 1,2", b"3: 1,9"), "line 6: alternatives are 1 to 3"),
        (lambda d: d.replace(b"3: 1,2", b"3: 1,1"), "line 6: an alternative is ranked twice"),
        (lambda d: d.replace(b"3: 1,2", b"-3: 1,2"), "line 6: '-3' is no number"),
        (lambda d: d.replace(b"3: 1,2", b"3: 1,"), "line 6: it ends with a comma"),
        (lambda d: d.replace(b"3: 1,2", b"3: {1,2"), "line 6: '{1,2' can't be read"),
        (lambda d: d.replace(b"3: 1,2", b"3 1,2"), "line 6: a ballot is"),
        (lambda d: d.replace(b"NAME 2", b"NAME 7"), "line 5: alternative 7 is not among the 3"),
        (lambda d: d.replace(b"Bread", b"Soup"), "line 5: two alternatives have one name"),
        (lambda d: d.replace(b"ALTERNATIVES: 3", b"ALTERNATIVES: 0"), "line 3: 0 alternatives"),
        (lambda d: b"\n", "is this a PrefLib file"),
    ],
)
def test_spoilt_preflib_files_name_the_line(spoil, words):
    with pytest.raises(BadPapersError) as error:
        read_preflib(spoil(SOI))
    assert words in str(error.value)


def _blt(options, seats, *ballots):
    lines = [f"{options} {seats}", *ballots, "0", *(f'"c{n}"' for n in range(options)), '"t"']
    return read_blt("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("papers", "method", "seats", "words"),
    [
        (_blt(2, 1), "irv", 1, "there are no ballots"),
        (_blt(2, 1, "0 1 0"), "irv", 1, "there are no ballots"),
        (_blt(2, 1, "5 0"), "irv", 1, "every ballot is blank"),
        (_blt(2, 1, "1 1 0"), "stv-meek", 3, "3 seats are more than 2 options"),
        (_blt(2, 1, "1 1 0"), "irv", 2, "irv fills one seat"),
        (_blt(2, 1, "1 1 0"), "irv", 0, "no seat"),
        (_blt(1, 1, "1 1 0"), "irv", 1, "two different options"),
        (_blt(300, 1, "1 1 0"), "schulze", 1, "at most 250"),
        (_blt(2, 1, "1 1 0"), "irv", 1, None),
    ],
)
def test_what_can_not_be_counted(papers, method, seats, words):
    reason = problem(method, papers, seats)
    assert reason is None if words is None else words in str(reason)


def test_ranks_become_points_and_marks():
    papers = read_preflib(SOI)
    assert ballots_for("score", papers)[1] == (2, ((1, 1), (2, 1), (0, 0)))
    assert ballots_for("plurality", papers)[1] == (2, (1, 2)), "two firsts name none"
    assert ballots_for("approval", papers)[0] == (3, (0, 1))
