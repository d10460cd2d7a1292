-- Dead letters end by being landed after all, or by a person who says why they may be ignored; a gap stays, and a person may
-- say why it is known. Both say between which times the events lie that they may hide: null where that is not known.
ALTER TABLE rpt.dead_letter
    ADD COLUMN appended_at TIMESTAMPTZ,
    ADD COLUMN events_after TIMESTAMPTZ,
    ADD COLUMN state TEXT DEFAULT 'open' NOT NULL CHECK (state IN ('open', 'resolved', 'dismissed')),
    ADD COLUMN closed_at TIMESTAMPTZ,
    ADD COLUMN closed_by TEXT,
    ADD COLUMN closed_because TEXT,
    ADD CHECK ((state = 'open') = (closed_at IS NULL));
CREATE INDEX ix_dead_letter_open ON rpt.dead_letter (coalesce(appended_at, first_seen_at)) WHERE state = 'open';

ALTER TABLE rpt.gap
    ADD COLUMN after_batch BIGINT,
    ADD COLUMN events_after TIMESTAMPTZ,
    ADD COLUMN events_before TIMESTAMPTZ,
    ADD COLUMN acknowledged_at TIMESTAMPTZ,
    ADD COLUMN acknowledged_by TEXT,
    ADD COLUMN acknowledged_because TEXT;

-- the batches around a gap, and the last ones of a partition that changes hands
CREATE INDEX ix_batch_partition ON rpt.batch (topic, kafka_partition, batch_id);
