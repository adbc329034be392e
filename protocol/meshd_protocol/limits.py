"""Every bound of the protocol, named once, with the reason for the number (design: security, "Limits")."""

RECORD_BYTES = 16 * 1024
"""One record on the wire: four fit into one Noise message, one fits into a handful of radio frames."""

DEPTH = 8
"""Nested CBOR containers: enough for any body, too few to exhaust a parser."""

ITEMS = 4096
"""CBOR items in one value: 16 KiB of tiny items must not cost a megabyte of objects."""

INTEGER = 2**53
"""Integers lie below this everywhere: every language that might read records holds them exactly."""

DEPS = 16
"""Display hints of one record."""

RUN = 128
"""Records that one signature may authenticate: itself and the 127 before it (design: records)."""

CITES = 400
"""Ids that one roster record cites: 400 ids of 34 bytes fit into a record with room to spare."""

FOUNDERS = 430
"""Founders' member keys in one genesis: what fits into a record beside the policies."""

POLICIES = 32
"""Policies in one charter."""

OPTIONS = 64
"""Options of one proposal."""

NAME_BYTES = 80
"""A person's, device's, policy's or assembly's name, in UTF-8."""

TITLE_BYTES = 200
"""A proposal's title, an option, a ballot's reason: one or two lines on any screen."""

REASON_BYTES = 2000
"""A ballot's reason, an objection above all: a paragraph."""

SCORE = 10
"""The highest score that a ballot gives to an option."""

COST = 10**12
"""What an option of a budget may cost, in the smallest coin; sums stay below 2^53."""

REPLACES = 64
"""Earlier decisions on one thing that a later one takes the place of."""

REPEALS = 8
"""Decisions whose place one takes: a split one, and what was put anew in its place on several islands."""

KEEPS = 64
"""Decisions that one action names as in force before it: what was decided since the action before."""

LEFT_DEVICES = 64
"""Devices of which a leave says how many records still count: one person's."""

OWN_WORDS = 64
"""Open offers, vouches, leaves and revocations of one member that a node looks at together; others wait their turn."""

WITNESSES = 400
"""Members of a witness committee; one bit each would fit, but one signature each has to travel."""

POWERS = 32
"""Powers that one mandate grants."""

TASKS = 32
"""Tasks in one written outcome."""

PRESENT = 200
"""People whom minutes name as present."""

ROTATED = 80
"""Devices that one record of a rotation seals to: 80 boxes of 160 bytes fit into a record."""

QUOTED = 400
"""Records in one quotation: the smallest are of some hundred bytes, so that its bytes are used up before."""

QUOTED_BYTES = 15_900
"""Bytes of the records in one quotation, headers and signatures among them: it is one record itself."""

PIECES = 4096
"""Pieces of one file: 60 MB, more than any proof or scan that should travel by mesh."""

PIECE_BYTES = 15_000
"""Bytes in one piece."""

ASSEMBLIES = 128
"""Assemblies that one decision seats, or a genesis founds a federation of: 75 bytes each."""

WEIGHT = 1_000_000
"""The weight of one assembly in a federation."""

LEVELS = 8
"""Federations of federations: an assembly, and up to so many above it."""

REFOUNDED_BYTES = 14 * 1024
"""The body of a genesis that founds an assembly anew: its record travels in another one, with a few boxes."""

LETTER_BOXES = 32
"""Devices that one letter is sealed to: the reader's and the writer's."""

PROOF_BYTES = 64 * 1024 * 1024
"""A proof: the decision of an assembly of 10,000, back to its genesis."""

PUBLISHED_BYTES = 256 * 1024 * 1024
"""The list of all that an assembly publishes."""

PROOF_SMALL = 1 << 20
"""A proof of so much, deflated or not, is opened whatever its file's size; a larger one by its ratio."""

PROOF_RATIO = 8
"""How often larger than its file a larger proof may be. Signatures don't get smaller: true ones are far below."""

PROOF_ITEMS = 2_000_000
"""CBOR items in a proof."""

PAPER_BYTES = 64 * 1024 * 1024
"""A file of paper ballots: a large town's."""

CANDIDATES = 1000
"""Candidates on paper ballots."""

DUEL_CANDIDATES = 250
"""Candidates of a Schulze count, which takes the cube of their number, and of equal shares, which takes as long."""

TEXT_BYTES = 12 * 1024
"""A proposal's or message's text: what a record holds beside its header."""

TEMPLATE_BYTES = 12 * 1024
"""A template, or what a decision says with figures: they stand in a proposal, as its text does."""

FORMS = 32
"""Forms of one template."""

FORM_FIELDS = 32
"""Fields of one form, numbers of one template."""

GROUPS = 16
"""Groups that may write, things to be about, parts of a line, policies and posts of a template."""

UNIT_BYTES = 24
"""A unit: `kg`, `euro cents`."""

ROWS = 256
"""Rows of one field: the lines of a budget, the assemblies of a landmark."""

SECONDS = 100
"""Others who must confirm an entry before it stands."""

ENTRY_DEPTH = 16
"""How far an entry may be from what the first one is about."""

TAGS = 8
"""Hints of one proposal."""

APPLICATIONS = 64
"""Applications that one decision admits, people that one decision removes."""

NETWORK_KEYS = 64
"""Network keys in one welcome; more of them take more records."""

OPEN_INVITATIONS = 8
"""Open invitations of one member: a stolen laptop must not hold a sack of tickets."""

FRAME_BYTES = 65535
"""One Noise message, and so one frame on a link (Noise, section 3)."""

HANDSHAKE_SECONDS = 10
"""A handshake takes three messages; whoever needs longer holds a place that others need."""

IDLE_SECONDS = 120
"""Silence after which a peer is taken for gone: four periodic comparisons."""

PROBE_SECONDS = 15
"""Silence of a peer that was asked for a sign of life because the network changed."""

STALL_SECONDS = 60
"""Silence of a peer that has said that records come: two periodic comparisons."""

UNASKED = 100
"""Records that one turn of a comparison may show to be missing and that come without a Go."""

GO_SECONDS = 10
"""How long a peer that sends much holds up the next one."""

LIVE_RECORDS = 500
"""New records of one member that are handed on at once in a day: nobody writes that many by hand."""

LIVE_BYTES = 1024 * 1024
"""The same in bytes."""

CATCH_UP_BYTES = 1024 * 1024 * 1024
"""What comparisons bring from one peer in a day at full speed: the log of a large assembly, twice."""

CATCH_UP_RATE = 128 * 1024
"""Bytes in a second beyond that: what is under way is through before anybody takes the other for gone."""

REMEMBERED = 32
"""Addresses of earlier meetings that a node dials at its start."""

REMEMBERED_DAYS = 60
"""Days after which an address that nobody answered at is not dialled any more."""

CONNECTIONS = 64
"""Connections at a time."""

UNAUTHENTICATED = 8
"""Of these, before their handshake is done: strangers must not fill the house."""

UNAUTHENTICATED_PER_ADDRESS = 4
"""Of these, from one address."""

PENDING_BYTES = 4 * 1024 * 1024
"""Records not yet authentic that one session or bundle may make us hold."""

FRONTIER_CHAINS = 200_000
"""Chains that one peer may announce in one frontier: 10,000 devices of twenty years."""

LISTINGS = 4096
"""Forked chains that one side lists in one comparison."""

LISTED_MARKS = 256 * 1024
"""Records of a forked chain that is listed. Where two nodes differ in a longer one, sticks alone carry it."""

TURNS = 72
"""Turns of one comparison by each side: a key has 64 hexadecimal digits."""

SEGMENT_BYTES = 4 * 1024 * 1024
"""One file on a stick: read into memory whole."""

SEGMENT_RECORDS = SEGMENT_BYTES // 128
"""Records in one segment: each has a device's key, a hash and a signature."""

SEGMENTS = 4096
"""Files that one manifest lists: 16 GiB of log. So many damaged parts end the reading of a single file, too."""

STICK_KEYS = 64
"""Network keys on one stick: rotations since somebody was there last."""

STICK_KEY_BYTES = 2 * 1024 * 1024
"""One network key on a stick, sealed to each of 10,000 devices."""

MANIFEST_BYTES = 4 * 1024 * 1024
"""A manifest; visitors are forgotten where it would be longer."""

JOIN_FILE_BYTES = 256 * 1024
"""An application or an answer on a stick: a few records."""

DISCOVERY_CANDIDATES = 64
"""Candidates of mDNS that wait to be looked at; what comes beyond is dropped."""

TICKET_CANDIDATES = 8
"""Strangers whom the holder of a ticket dials, since it can't recognise anybody."""

TICKET_ADDRESSES = 8
"""Addresses in one ticket: a laptop with a few interfaces."""

TICKET_CHARACTERS = 2048
"""A ticket line: what fits into a QR code."""

PARTS_BYTES = 64 * 1024
"""A file that is shown as QR codes or as text: some hundred ballots, or a proof."""

PARTS = 256
"""Parts of such a file: more than anybody photographs."""

FREE_DISK_REMOTE = 64 * 1024 * 1024
"""Free disk below which no records of others are taken."""

FREE_DISK_OWN = 8 * 1024 * 1024
"""Free disk below which no own records are written: SQLite needs room to finish."""

BALLAST_BYTES = 4 * 1024 * 1024
"""A file that is deleted when the disk is full, so that SQLite can finish what it began."""

CONTROL_WAITING = 1024
"""Commands that ask at once: those of a script that forgot to wait."""

CONTROL_BYTES = 8 * 1024 * 1024
"""One line on the control socket."""
