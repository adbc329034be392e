CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE TABLE "entry" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "chain" INTEGER NOT NULL,
   "seq" INTEGER NOT NULL,
   "kind" INTEGER NOT NULL,
   "verified" INTEGER NOT NULL,
   "header" BLOB NOT NULL,
   "signature" BLOB NOT NULL,
   "body" BLOB
);
CREATE INDEX "idx_entry_chain_seq"
    ON "entry" ("chain", "seq");
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
CREATE TABLE "chain" (
   "number" INTEGER PRIMARY KEY NOT NULL,
   "device" BLOB NOT NULL,
   "log" INTEGER NOT NULL,
   "head_seq" INTEGER NOT NULL,
   "head_id" BLOB NOT NULL,
   "forked" INTEGER NOT NULL,
   "certificate" BLOB
);
CREATE INDEX "idx_chain_device_log"
    ON "chain" ("device", "log");
CREATE INDEX "idx_chain_forked"
    ON "chain" ("forked");
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
CREATE INDEX "idx_certificate_device"
    ON "certificate" ("device");
CREATE INDEX "idx_certificate_member"
    ON "certificate" ("member");
CREATE INDEX "idx_certificate_transport"
    ON "certificate" ("transport");
CREATE TABLE "revocation" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "good_decisions" INTEGER NOT NULL,
   "good_talk" INTEGER NOT NULL,
   "good_bulk" INTEGER NOT NULL
);
CREATE INDEX "idx_revocation_device"
    ON "revocation" ("device");
CREATE TABLE "invitation" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "public" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "network_key" BLOB NOT NULL,
   "psk_box" BLOB NOT NULL,
   "expires_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_invitation_public"
    ON "invitation" ("public");
CREATE INDEX "idx_invitation_member"
    ON "invitation" ("member");
CREATE TABLE "withdrawal" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "public" BLOB NOT NULL,
   "member" BLOB NOT NULL
);
CREATE INDEX "idx_withdrawal_public"
    ON "withdrawal" ("public");
CREATE TABLE "application" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "invitation" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "witness" INTEGER NOT NULL,
   "formerly" BLOB
);
CREATE INDEX "idx_application_member"
    ON "application" ("member");
CREATE INDEX "idx_application_invitation"
    ON "application" ("invitation");
CREATE TABLE "vouch" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "application" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "seq" INTEGER NOT NULL,
   "scope" INTEGER NOT NULL,
   "roster" BLOB NOT NULL
);
CREATE INDEX "idx_vouch_application"
    ON "vouch" ("application");
CREATE TABLE "welcome" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "application" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "sealed" BLOB NOT NULL
);
CREATE INDEX "idx_welcome_application"
    ON "welcome" ("application");
CREATE TABLE "rosterstep" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "parent" BLOB NOT NULL,
   "cites" BLOB NOT NULL,
   "ratified_by" BLOB,
   "roster" BLOB
);
CREATE INDEX "idx_rosterstep_roster"
    ON "rosterstep" ("roster");
CREATE INDEX "idx_rosterstep_parent"
    ON "rosterstep" ("parent");
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
CREATE INDEX "idx_rotation_roster"
    ON "rotation" ("roster");
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
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_proposal_verb"
    ON "proposal" ("verb");
CREATE INDEX "idx_proposal_roster"
    ON "proposal" ("roster");
CREATE INDEX "idx_proposal_subject"
    ON "proposal" ("subject");
CREATE INDEX "idx_proposal_amends"
    ON "proposal" ("amends");
CREATE INDEX "idx_proposal_repeals"
    ON "proposal" ("repeals");
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
CREATE INDEX "idx_ballot_proposal_member"
    ON "ballot" ("proposal", "member");
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
CREATE INDEX "idx_attestation_proposal"
    ON "attestation" ("proposal");
CREATE TABLE "answer" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "proposal" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "text" TEXT NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_answer_proposal"
    ON "answer" ("proposal");
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
CREATE INDEX "idx_assent_minutes"
    ON "assent" ("minutes");
CREATE TABLE "resolution" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "proposal" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "text" TEXT NOT NULL,
   "tasks" BLOB NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_resolution_proposal"
    ON "resolution" ("proposal");
CREATE TABLE "followup" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "resolution" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "task" INTEGER NOT NULL,
   "text" TEXT NOT NULL,
   "done" INTEGER NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_followup_resolution"
    ON "followup" ("resolution");
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
CREATE INDEX "idx_act_mandate"
    ON "act" ("mandate");
CREATE TABLE "countersignature" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "act" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "recalls" BLOB NOT NULL
);
CREATE INDEX "idx_countersignature_act"
    ON "countersignature" ("act");
CREATE TABLE "handover" (
   "id" BLOB PRIMARY KEY NOT NULL,
   "mandate" BLOB NOT NULL,
   "successor" BLOB NOT NULL,
   "member" BLOB NOT NULL,
   "text" TEXT NOT NULL,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_handover_mandate"
    ON "handover" ("mandate");
CREATE INDEX "idx_handover_successor"
    ON "handover" ("successor");
CREATE TABLE "message" (
   "id" BLOB NOT NULL,
   "device" BLOB NOT NULL,
   "topic" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "about" BLOB,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_message_topic"
    ON "message" ("topic");
CREATE INDEX "idx_message_about"
    ON "message" ("about");
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
CREATE INDEX "idx_noeffect_id"
    ON "noeffect" ("id");
INSERT INTO "_sqlite_migrations" VALUES (1, 'meshd', '0001 the log and its projections', '2026-11-22 16:00:00.000000+00:00');
INSERT INTO "_sqlite_migrations" VALUES (2, 'meshd', '0002 witnesses, delegates, meetings', '2026-11-22 16:00:00.000000+00:00');
PRAGMA user_version = 2;
