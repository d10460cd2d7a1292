"""What can be wrong with the application's database."""

from __future__ import annotations

from clearsight.doctor.finding import Kind
from clearsight.proposal.rules import RULES

CHECKS = (
    "connection",
    "version",
    "wal_level",
    "free slots and senders",
    "tables and columns",
    "role",
    "publication",
    "replica identity",
    "slot",
    "limits of the slot",
)

_STOPS_THE_CONNECTOR = (
    "connect.unreachable",
    "connect.connector-missing",
    "connect.failed",
    "connect.given-up",
    "connect.paused",
    "connect.no-task",
    "connect.plugin-missing",
    "kafka.unreachable",
)
_KEEPS_ITS_SLOT = ("connect.paused", "connect.failed", "connect.given-up")
_MAKES_NO_SLOT = tuple(code for code in _STOPS_THE_CONNECTOR if code not in _KEEPS_ITS_SLOT)
"""A connector that is paused keeps its slot, and one without its slot fails."""
_NEW_SNAPSHOT = "curl -X PUT '{connector}/stop'; curl -X DELETE '{connector}/offsets'; curl -X PUT '{connector}/resume'"
_NOT_CAPTURED = (
    "; what changed there meanwhile was not captured, is gone from the stream, and a new snapshot is due: "
    + _NEW_SNAPSHOT
)

UNREACHABLE = Kind(
    code="source.unreachable",
    check="connection",
    what="the source database at {where} does not answer: {reason}",
    mend="start it, or correct CLEARSIGHT_SOURCE__DSN",
)
LOGIN = Kind(
    code="source.login",
    check="connection",
    what="the source database at {where} lets the connector's role not in: {reason}",
    mend="make the role with `clearsight register --print-sql`, or correct user, password and database in "
    "CLEARSIGHT_SOURCE__DSN",
)
VERSION = Kind(
    code="source.version",
    check="version",
    what="the source is PostgreSQL {found}; it must be {oldest} or newer",
    mend="upgrade the source to PostgreSQL {newest}",
)
VERSION_UNTRIED = Kind(
    code="source.version-untried",
    check="version",
    severity="warning",
    what="the source is PostgreSQL {found}, newer than {newest}, the newest that was tried",
    mend="upgrade ClearSight and Debezium to a version that names PostgreSQL {found}",
)
WAL_LEVEL = Kind(
    code="source.wal-level",
    check="wal_level",
    what="the source's wal_level is {found}, it must be logical: changes cannot be decoded",
    mend="ALTER SYSTEM SET wal_level = 'logical'; then restart the source",
)
SLOTS_FREE = Kind(
    code="source.slots-free",
    check="free slots and senders",
    what="all {limit} replication slots of the source are taken, and the connector has none yet",
    mend="ALTER SYSTEM SET max_replication_slots = {more}; then restart the source; or drop a slot that nobody needs",
)
SENDERS_FREE = Kind(
    code="source.senders-free",
    check="free slots and senders",
    what="all {limit} WAL senders of the source are in use, and the connector has none",
    mend="ALTER SYSTEM SET max_wal_senders = {more}; then restart the source",
)
MISFITS = {
    rule.name: Kind(code=f"source.{rule.name}", check="tables and columns", what=rule.message, mend=rule.mend)
    for rule in RULES
}
"""By the rule's name: what `register` and `init --check` say too."""

ROLE_REPLICATION = Kind(
    code="source.role-replication",
    check="role",
    what="the role {role} has not REPLICATION: it cannot read the stream",
    mend="ALTER ROLE {role_sql} REPLICATION",
)
ROLE_SCHEMA = Kind(
    code="source.role-schema",
    check="role",
    what="the role {role} may not use the schema {schema}: the snapshot of its tables would fail",
    mend="GRANT USAGE ON SCHEMA {schema_sql} TO {role_sql}",
)
ROLE_SELECT = Kind(
    code="source.role-select",
    check="role",
    what="the role {role} may not read {table} ({columns}): the snapshot would fail",
    mend="GRANT SELECT ON {table_sql} TO {role_sql}",
)
ROLE_ATTRIBUTES = Kind(
    code="source.role-attributes",
    check="role",
    severity="warning",
    what="the role {role} may do more than it needs: {attributes}",
    mend="ALTER ROLE {role_sql} {without}",
)
ROLE_WRITES = Kind(
    code="source.role-writes",
    check="role",
    severity="warning",
    what="the role {role} may write {table} ({rights}); it only reads",
    mend="REVOKE {rights} ON {table_sql} FROM {role_sql}; if it still may, it inherits the right or owns the table",
)
ROW_SECURITY = Kind(
    code="source.row-security",
    check="role",
    what="row-level security hides rows of {table} from the role {role}: the snapshot would leave them out",
    mend="ALTER ROLE {role_sql} BYPASSRLS",
)
MAY_NOT_EMIT = Kind(
    code="source.heartbeat",
    check="role",
    what="the role {role} may not call pg_logical_emit_message: without the connector's heartbeat a quiet source holds "
    "back WAL and looks behind",
    mend="GRANT EXECUTE ON FUNCTION {function} TO {role_sql}",
)
PUBLICATION = Kind(
    code="source.publication",
    check="publication",
    what="the source has no publication {publication}",
    mend="CREATE PUBLICATION {publication_sql} FOR TABLE {tables_sql}{with_options}" + _NOT_CAPTURED,
)
PUBLICATION_MISSING = Kind(
    code="source.publication-missing",
    check="publication",
    what="the publication {publication} leaves out {tables}: changes there are not seen",
    mend="{set_options}ALTER PUBLICATION {publication_sql} ADD TABLE {tables_sql}" + _NOT_CAPTURED,
)
PUBLICATION_EXTRA = Kind(
    code="source.publication-extra",
    check="publication",
    severity="warning",
    what="the publication {publication} also publishes {tables}, which the mapping file does not name",
    mend="ALTER PUBLICATION {publication_sql} DROP TABLE {tables_sql}",
    follows=("source.table-missing",),  # a table that was renamed
)
PUBLICATION_ALL = Kind(
    code="source.publication-all",
    check="publication",
    severity="warning",
    what="the publication {publication} publishes whole schemas or the whole database, {count} tables more than the "
    "mapping file names",
    mend="stop the connector; DROP PUBLICATION {publication_sql}; CREATE PUBLICATION {publication_sql} FOR TABLE "
    "{tables_sql}{with_options}; start the connector",
)
PUBLICATION_OPERATIONS = Kind(
    code="source.publication-operations",
    check="publication",
    what="the publication {publication} does not publish {missing}",
    mend="ALTER PUBLICATION {publication_sql} SET (publish = 'insert, update, delete, truncate')" + _NOT_CAPTURED,
)
PUBLICATION_FILTER = Kind(
    code="source.publication-filter",
    check="publication",
    what="the publication {publication} publishes only part of {table} ({part})",
    mend="{set_options}ALTER PUBLICATION {publication_sql} SET TABLE {tables_sql}" + _NOT_CAPTURED,
)
PUBLICATION_ROOT = Kind(
    code="source.publication-root",
    check="publication",
    what="the publication {publication} publishes partitions as tables of their own, not as {tables}: their changes would "
    "land in topics that nobody reads",
    mend="ALTER PUBLICATION {publication_sql} SET (publish_via_partition_root = true)",
)
PUBLICATION_GENERATED = Kind(
    code="source.publication-generated",
    check="publication",
    what="the publication {publication} leaves out generated columns ({columns}): their values are not sent, and with "
    "REPLICA IDENTITY FULL PostgreSQL refuses the application's own updates and deletes",
    mend="ALTER PUBLICATION {publication_sql} SET (publish_generated_columns = stored)",
)
REPLICA_IDENTITY = Kind(
    code="source.replica-identity",
    check="replica identity",
    what="{table} has not REPLICA IDENTITY FULL: what a row was before a change would be made up",
    mend='{first}ALTER TABLE {identified_sql} REPLICA IDENTITY FULL; or say replica_identity = "default" in the mapping file',
)
PARTITION_IDENTITY = Kind(
    code="source.partition-identity",
    check="replica identity",
    what="{identified}, a partition of {table}, has not REPLICA IDENTITY FULL: what a row of it was before a change would be "
    "made up",
    mend="{first}ALTER TABLE {identified_sql} REPLICA IDENTITY FULL; and do so wherever a partition is made, for "
    "PostgreSQL does not inherit it",
)
SLOT_MISSING = Kind(
    code="source.slot-missing",
    check="slot",
    what="the source has no replication slot {slot}: what changes now is kept for nobody",
    mend="if the connector never ran, run `clearsight register`: it makes the slot when it starts. If there was one before, "
    "what changed since is gone: `clearsight register --new-snapshot` begins anew, and the gap is recorded",
    follows=(
        "source.slots-free",
        "source.senders-free",
        "source.wal-level",
        "source.role-replication",
        *_MAKES_NO_SLOT,
    ),
)
SLOT_KIND = Kind(
    code="source.slot-kind",
    check="slot",
    what="the replication slot {slot} is {found}, it must be logical, of pgoutput and of the database {database}",
    mend="set CLEARSIGHT_SOURCE__SLOT to a name that is free, then `clearsight register`",
)
SLOT_INACTIVE = Kind(
    code="source.slot-inactive",
    check="slot",
    what="nobody reads the replication slot {slot}; the source keeps WAL for it ({retained})",
    mend="see that the connector runs: `clearsight doctor --area connect`, `clearsight register`",
    follows=("source.senders-free", "source.publication", "source.role-replication", *_STOPS_THE_CONNECTOR),
)
SLOT_LOST = Kind(
    code="source.slot-lost",
    check="slot",
    what="the replication slot {slot} is lost ({reason}): changes since then are gone from the stream",
    mend="run `clearsight register --new-snapshot`: it drops the slot and begins anew, and the gap is recorded",
)
SLOT_UNRESERVED = Kind(
    code="source.slot-unreserved",
    check="slot",
    what="the replication slot {slot} has fallen behind max_slot_wal_keep_size ({keep}) and is lost with the next "
    "checkpoint",
    mend="ALTER SYSTEM SET max_slot_wal_keep_size = '{double}'; SELECT pg_reload_conf(); then see why the connector is slow",
)
SLOT_BEHIND = Kind(
    code="source.slot-behind",
    check="slot",
    severity="warning",
    what="the source keeps {retained} of WAL for the slot {slot}; at {keep} the slot is lost",
    mend="see why the connector is slow (`clearsight doctor --area connect`), or raise max_slot_wal_keep_size",
    follows=("source.slot-inactive", *_STOPS_THE_CONNECTOR),
)
SLOT_UNLIMITED = Kind(
    code="source.slot-unlimited",
    check="limits of the slot",
    severity="warning",
    what="max_slot_wal_keep_size is unlimited: a connector that stays away fills the source's disk",
    mend="ALTER SYSTEM SET max_slot_wal_keep_size = '4GB'; SELECT pg_reload_conf(); choose what the disk can spare",
)
SLOT_IDLE_TIMEOUT = Kind(
    code="source.slot-idle-timeout",
    check="limits of the slot",
    severity="warning",
    what="idle_replication_slot_timeout is {found_s} s: a connector that is away for longer loses its slot",
    mend="ALTER SYSTEM SET idle_replication_slot_timeout = '3d'; SELECT pg_reload_conf()",
)

_MADE = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
KINDS = tuple(sorted((*_MADE, *MISFITS.values()), key=lambda kind: CHECKS.index(kind.check)))
