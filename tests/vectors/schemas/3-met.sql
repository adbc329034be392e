CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE TABLE "entry" (
   "id" BLOB NOT NULL,
   "chain" INTEGER NOT NULL,
   "seq" INTEGER NOT NULL,
   "kind" INTEGER NOT NULL,
   "verified" INTEGER NOT NULL,
   "header" BLOB NOT NULL,
   "signature" BLOB NOT NULL,
   "body" BLOB
);
CREATE UNIQUE INDEX entry_id ON entry (substr(id, 1, 16));
CREATE INDEX entry_chain_seq ON entry (chain, seq);
CREATE TABLE "head" (
   "n" INTEGER PRIMARY KEY NOT NULL,
   "roster" BLOB NOT NULL,
   "parent" BLOB NOT NULL,
   "cites" BLOB NOT NULL
);
CREATE TABLE "own" (
   "log" INTEGER PRIMARY KEY NOT NULL,
   "seq" INTEGER NOT NULL,
   "id" BLOB NOT NULL
);
CREATE TABLE "peer" (
   "address" TEXT PRIMARY KEY NOT NULL,
   "last_ms" INTEGER NOT NULL
);
CREATE TABLE "setting" (
   "name" TEXT PRIMARY KEY NOT NULL,
   "value" TEXT NOT NULL
);
CREATE TABLE "passed" (
   "n" INTEGER PRIMARY KEY NOT NULL,
   "total_ms" INTEGER NOT NULL,
   "boot" TEXT NOT NULL,
   "steady_ms" INTEGER NOT NULL,
   "wall_ms" INTEGER NOT NULL
);
CREATE TABLE "watch" (
   "proposal" BLOB PRIMARY KEY NOT NULL,
   "since_ms" INTEGER NOT NULL,
   "refused" TEXT,
   "agreed" INTEGER NOT NULL
);
CREATE TABLE "met" (
   "digest" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "position" INTEGER NOT NULL
);
CREATE INDEX met_device ON met (substr(device, 1, 8));
CREATE TABLE "chain" (
   "number" INTEGER PRIMARY KEY NOT NULL,
   "device" BLOB NOT NULL,
   "log" INTEGER NOT NULL,
   "head_seq" INTEGER NOT NULL,
   "head_id" BLOB NOT NULL,
   "forked" INTEGER NOT NULL,
   "certificate" BLOB,
   "records" INTEGER NOT NULL,
   "size" INTEGER NOT NULL
);
CREATE INDEX chain_device_log ON chain (substr(device, 1, 8), log);
CREATE INDEX chain_forked ON chain (forked);
CREATE TABLE "certificate" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "device" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "transport" BLOB NOT NULL,
   "sealing" BLOB NOT NULL,
   "label" TEXT NOT NULL,
   "scope" INTEGER NOT NULL,
   "person" TEXT NOT NULL
);
CREATE INDEX certificate_device ON certificate (substr(device, 1, 8));
CREATE INDEX certificate_member ON certificate (substr(member, 1, 8));
CREATE INDEX certificate_transport ON certificate (substr(transport, 1, 8));
CREATE TABLE "revocation" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "good_decisions" INTEGER NOT NULL,
   "good_talk" INTEGER NOT NULL,
   "good_bulk" INTEGER NOT NULL
);
CREATE INDEX revocation_device ON revocation (substr(device, 1, 8));
CREATE TABLE "invitation" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "public" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "network_key" BLOB NOT NULL,
   "psk_box" BLOB NOT NULL,
   "expires_ms" INTEGER NOT NULL
);
CREATE INDEX invitation_public ON invitation (substr(public, 1, 8));
CREATE INDEX invitation_member ON invitation (substr(member, 1, 8));
CREATE TABLE "withdrawal" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "public" BLOB NOT NULL,
   "member" BLOB NOT NULL
);
CREATE INDEX withdrawal_public ON withdrawal (substr(public, 1, 8));
CREATE TABLE "application" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "invitation" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "witness" INTEGER NOT NULL,
   "formerly" BLOB
);
CREATE INDEX application_member ON application (substr(member, 1, 8));
CREATE INDEX application_invitation ON application (substr(invitation, 1, 8));
CREATE TABLE "vouch" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "application" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "seq" INTEGER NOT NULL,
   "scope" INTEGER NOT NULL,
   "roster" BLOB NOT NULL
);
CREATE INDEX vouch_application ON vouch (substr(application, 1, 8));
CREATE TABLE "welcome" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "application" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "sealed" BLOB NOT NULL
);
CREATE INDEX welcome_application ON welcome (substr(application, 1, 8));
CREATE TABLE "rosterstep" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "parent" BLOB NOT NULL,
   "cites" BLOB NOT NULL,
   "ratified_by" BLOB,
   "roster" BLOB
);
CREATE INDEX rosterstep_roster ON rosterstep (substr(roster, 1, 8));
CREATE INDEX rosterstep_parent ON rosterstep (substr(parent, 1, 8));
CREATE TABLE "offer" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "by" BLOB NOT NULL,
   "seq" INTEGER NOT NULL,
   "scope" INTEGER NOT NULL,
   "roster" BLOB NOT NULL,
   "device" BLOB,
   "replaces" BLOB NOT NULL
);
CREATE TABLE "leave" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "by" BLOB NOT NULL,
   "seq" INTEGER NOT NULL,
   "scope" INTEGER NOT NULL,
   "roster" BLOB NOT NULL
);
CREATE TABLE "rotation" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "roster" BLOB NOT NULL
);
CREATE INDEX rotation_roster ON rotation (substr(roster, 1, 8));
CREATE TABLE "proposal" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "roster" BLOB NOT NULL,
   "policy" TEXT NOT NULL,
   "title" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "options" BLOB,
   "closes_ms" INTEGER,
   "method" TEXT,
   "seats" INTEGER NOT NULL,
   "verb" INTEGER NOT NULL,
   "payload" BLOB,
   "subject" BLOB,
   "amends" BLOB,
   "repeals" BLOB,
   "costs" BLOB,
   "budget" INTEGER,
   "anew" INTEGER NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX proposal_verb ON proposal (verb);
CREATE INDEX proposal_roster ON proposal (substr(roster, 1, 8));
CREATE INDEX proposal_subject ON proposal (substr(subject, 1, 8));
CREATE INDEX proposal_amends ON proposal (substr(amends, 1, 8));
CREATE INDEX proposal_repeals ON proposal (substr(repeals, 1, 8));
CREATE TABLE "ballot" (
   "id" BLOB NOT NULL,
   "proposal" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "seq" INTEGER NOT NULL,
   "scope" INTEGER NOT NULL,
   "form" INTEGER NOT NULL,
   "choice" BLOB NOT NULL,
   "counter" INTEGER NOT NULL,
   "reason" TEXT NOT NULL
);
CREATE INDEX ballot_proposal_member ON ballot (substr(proposal, 1, 8), substr(member, 1, 8));
CREATE TABLE "sum" (
   "proposal" BLOB NOT NULL,
   "choice" BLOB NOT NULL,
   "members" INTEGER NOT NULL,
   PRIMARY KEY ("proposal", "choice")
);
CREATE TABLE "attestation" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "proposal" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "verdict" INTEGER NOT NULL,
   "winners" BLOB NOT NULL,
   "counts" BLOB NOT NULL,
   "counted" BLOB NOT NULL,
   "ballots" BLOB NOT NULL
);
CREATE INDEX attestation_proposal ON attestation (substr(proposal, 1, 8));
CREATE TABLE "answer" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "proposal" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "text" TEXT NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX answer_proposal ON answer (substr(proposal, 1, 8));
CREATE TABLE "minutes" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "title" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "held_ms" INTEGER NOT NULL,
   "present" BLOB NOT NULL
);
CREATE TABLE "assent" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "minutes" BLOB NOT NULL,
   "member" BLOB NOT NULL
);
CREATE INDEX assent_minutes ON assent (substr(minutes, 1, 8));
CREATE TABLE "resolution" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "proposal" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "text" TEXT NOT NULL,
   "tasks" BLOB NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX resolution_proposal ON resolution (substr(proposal, 1, 8));
CREATE TABLE "followup" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "resolution" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "task" INTEGER NOT NULL,
   "text" TEXT NOT NULL,
   "done" INTEGER NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX followup_resolution ON followup (substr(resolution, 1, 8));
CREATE TABLE "act" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "mandate" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "seq" INTEGER NOT NULL,
   "scope" INTEGER NOT NULL,
   "roster" BLOB NOT NULL,
   "power" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "name" TEXT NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX act_mandate ON act (substr(mandate, 1, 8));
CREATE TABLE "countersignature" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "act" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "recalls" BLOB NOT NULL
);
CREATE INDEX countersignature_act ON countersignature (substr(act, 1, 8));
CREATE TABLE "handover" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "mandate" BLOB NOT NULL,
   "successor" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "text" TEXT NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX handover_mandate ON handover (substr(mandate, 1, 8));
CREATE INDEX handover_successor ON handover (substr(successor, 1, 8));
CREATE TABLE "message" (
   "id" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "topic" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "about" BLOB,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX message_topic ON message (topic);
CREATE INDEX message_about ON message (substr(about, 1, 8));
CREATE TABLE "letter" (
   "id" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE TABLE "noeffect" (
   "id" BLOB NOT NULL,
   "kind" INTEGER NOT NULL,
   "reason" TEXT NOT NULL
);
CREATE INDEX noeffect_id ON noeffect (substr(id, 1, 8));
INSERT INTO "_sqlite_migrations" VALUES (1, 'meshd', '0001 the log and its projections', '2026-11-22 16:00:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES (2, 'meshd', '0002 witnesses, delegates, meetings', '2026-11-22 16:00:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES (3, 'meshd', '0003 what peers have in common, what chains weigh', '2026-11-22 16:00:00.000000+00:00');
PRAGMA user_version = 3;
