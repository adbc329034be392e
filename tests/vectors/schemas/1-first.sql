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
   "device" BLOB NOT NULL
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
   "roster" BLOB
);
CREATE INDEX "idx_rosterstep_roster"
    ON "rosterstep" ("roster");
CREATE INDEX "idx_rosterstep_parent"
    ON "rosterstep" ("parent");
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
   "subjects" BLOB,
   "time_ms" INTEGER NOT NULL
);
CREATE INDEX "idx_proposal_verb"
    ON "proposal" ("verb");
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
CREATE INDEX "idx_ballot_proposal"
    ON "ballot" ("proposal");
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
CREATE TABLE "noeffect" (
   "id" BLOB NOT NULL,
   "kind" INTEGER NOT NULL,
   "reason" TEXT NOT NULL
);
CREATE INDEX "idx_noeffect_id"
    ON "noeffect" ("id");
INSERT INTO "_sqlite_migrations" VALUES (1, 'meshd', '0001 the log and its projections', '2026-11-22 16:00:00.000000+00:00');
PRAGMA user_version = 1;
