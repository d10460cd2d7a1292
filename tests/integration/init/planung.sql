-- An application with German names in mixed case, bigint keys, a domain, a partitioned table and a generated column.
CREATE SCHEMA "Planung";
CREATE DOMAIN "Planung"."Zustand" AS text CHECK (VALUE IN ('Entwurf', 'eingereicht', 'freigegeben', 'gesperrt'));
CREATE TABLE "Planung"."Benutzer" (
    "Nr"           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "Anzeigename"  text NOT NULL,
    "E-Mail"       text NOT NULL
);
CREATE TABLE "Planung"."Szenario" (
    "SzenarioNr"      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "Bezeichnung"     text NOT NULL,
    "Ersteller"       bigint NOT NULL REFERENCES "Planung"."Benutzer",
    "Zustand"         "Planung"."Zustand" NOT NULL DEFAULT 'Entwurf',
    "angelegt am"     timestamptz NOT NULL DEFAULT now(),
    "eingereicht am"  timestamptz,
    "freigegebenAm"   timestamptz,
    "gesperrtAm"      timestamptz,
    "geändert am"     timestamptz
);
CREATE TABLE "Planung"."Annahme" (
    "AnnahmeNr"   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "SzenarioNr"  bigint NOT NULL REFERENCES "Planung"."Szenario",
    "Knoten"      text NOT NULL,
    "Bezeichnung" text NOT NULL,
    "Wert"        numeric,
    "Doppelt"     numeric GENERATED ALWAYS AS ("Wert" * 2) STORED,
    UNIQUE ("SzenarioNr", "Knoten", "Bezeichnung")
);
CREATE TYPE "Planung"."Ergebnis" AS ENUM ('läuft', 'erfolgreich', 'fehlgeschlagen');
CREATE TABLE "Planung"."Ausführung" (
    "AusführungNr"   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "SzenarioNr"     bigint NOT NULL REFERENCES "Planung"."Szenario",
    "gestartet von"  bigint REFERENCES "Planung"."Benutzer",
    "Status"         "Planung"."Ergebnis" NOT NULL,
    "gestartet am"   timestamptz NOT NULL DEFAULT now(),
    "beendet am"     timestamptz,
    "Fehlermeldung"  text,
    "fehlerhafter Knoten" text
);
CREATE TABLE "Planung"."Messung.Roh" (
    "AusführungNr" bigint NOT NULL REFERENCES "Planung"."Ausführung",
    "Zeit"         timestamptz NOT NULL,
    "Größe"        double precision,
    PRIMARY KEY ("AusführungNr", "Zeit")
) PARTITION BY RANGE ("Zeit");
CREATE TABLE "Planung"."Messung 2026" PARTITION OF "Planung"."Messung.Roh" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Planung"."Notiz" ("SzenarioNr" bigint NOT NULL REFERENCES "Planung"."Szenario", "Text" text);
CREATE VIEW "Planung"."Übersicht" AS SELECT * FROM "Planung"."Szenario";
