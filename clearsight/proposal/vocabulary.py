"""The words by which applications name what plays a part, in English and German."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[^\W\d_]+")
_ENDINGS = (("ies", "y"), ("ses", "s"), ("es", ""), ("s", ""), ("en", ""), ("n", ""), ("er", ""), ("e", ""))


@cache
def words(name: str) -> tuple[str, ...]:
    """Of `run_nodes` and `RunNodes`: run, nodes. Small letters, without accents, numbers and signs."""
    return tuple(_folded(word) for word in _WORD.findall(unicodedata.normalize("NFC", name)))


def _folded(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


class Words(frozenset[str]):
    """A vocabulary. Contains a word in singular and plural, written with umlauts or without."""

    @classmethod
    def of(cls, text: str) -> Words:
        """Of words that are separated by spaces; an entry of several words is joined by "_"."""
        spelled = {variant for word in text.split() for variant in (word, _transcribed(word))}
        return cls(_folded(word) for word in spelled)

    def has(self, word: str) -> bool:
        return word in self or not self.isdisjoint(singulars(word))

    def ends(self, word: str) -> bool:
        """Whether it is a compound whose head is in the vocabulary, as German writes them: Planungslauf."""
        return any(len(head) > 3 and word != head and word.removesuffix(ending).endswith(head)
                   for head in self for ending in ("", "e", "en", "n", "s"))  # fmt: skip


@cache
def singulars(word: str) -> frozenset[str]:
    """A word and what it may be the plural of."""
    return frozenset({word}) | {
        word[: -len(ending)] + other
        for ending, other in _ENDINGS
        if word.endswith(ending) and len(word) > len(ending) + 2
    }


def _transcribed(word: str) -> str:
    for letter, pair in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        word = word.replace(letter, pair)
    return word


@cache
def fit(name: str, strong: Words, weak: Words = Words(), compounds: Words = Words()) -> float:  # noqa: B008 - immutable
    """How well a name fits a vocabulary, 0 to 1. Its last word counts, the others little: job_params are parameters."""
    found = words(name)
    if not found:
        return 0.0
    head, phrase = found[-1], "_".join(found[-2:])
    if strong.has(head) or strong.has(phrase) or strong.has("".join(found)):
        return 1.0
    if compounds.ends(head):
        return 0.9
    if weak.has(head) or weak.has(phrase):
        return 0.5
    return 0.3 if any(strong.has(word) for word in found[:-1]) else 0.0


def has_any(name: str, vocabulary: Words) -> bool:
    return any(vocabulary.has(word) for word in words(name))


def starts(name: str, stems: Iterable[str]) -> bool:
    """Whether the name begins with one of these words."""
    found = words(name)
    return bool(found) and found[0] in stems


# --- tables -----------------------------------------------------------------------------------------------------------

SCENARIO = Words.of(
    "scenario plan planning forecast simulation case application order proposal request contract claim project campaign "
    "workflow quote budget study experiment szenario planung vorgang antrag auftrag vertrag projekt prognose"
)
SCENARIO_WEAK = Words.of("job model process batch document ticket incident pipeline invoice portfolio modell")
INPUT = Words.of(
    "input parameter param assumption variable argument driver factor eingabe annahme kennzahl einstellung eingabewert"
)
INPUT_WEAK = Words.of(
    "value item option config configuration attribute field property setting line detail position wert"
)
RUN = Words.of(
    "run execution attempt calculation computation lauf ausführung berechnung versuch work_item workitem job_run"
)
RUN_WEAK = Words.of("job task process activity solve evaluation instance processing durchführung")
USER = Words.of(
    "user account employee staff member person people benutzer nutzer mitarbeiter anwender konto app_user sachbearbeiter"
)
USER_WEAK = Words.of("customer client actor operator agent contact profile principal owner author kunde login")
COMPOUNDS = {
    "scenario": Words.of("szenario planung vorgang antrag auftrag vertrag projekt prognose"),
    "input": Words.of("eingabe annahme kennzahl parameter eingabewert"),
    "run": Words.of("lauf ausführung berechnung versuch"),
    "user": Words.of("benutzer nutzer mitarbeiter anwender"),
}
ASIDE = Words.of(
    "audit log history archive backup tmp temp migration event outbox queue lock cache version snapshot statistic "
    "historie protokoll verlauf signal"
)
"""What tells of the others, or serves the framework: seldom the thing itself."""

# --- columns ----------------------------------------------------------------------------------------------------------

STATUS = Words.of("status state zustand")
STATUS_WEAK = Words.of("phase lifecycle stage outcome result stand")
STARTED = Words.of("started start begin began begun beginn begonnen gestartet launched")
FINISHED = Words.of("finished finish end ended completed complete done stopped ende beendet fertig abgeschlossen")
ERROR = Words.of("error_message error failure exception fault failure_reason fehler fehlermeldung fehlertext error_text "
                 "error_detail fehlergrund")  # fmt: skip
ERROR_WEAK = Words.of("message reason traceback meldung grund")
FAILED = Words.of("failed failing error fehlerhafter fehler")
NODE = Words.of("node step component module knoten schritt komponente")
NODE_WEAK = Words.of("stage task activity section phase abschnitt aktivität")
NAME = Words.of("name title label bezeichnung titel subject key")
NAME_WEAK = Words.of("code reference description beschreibung number nummer betreff")
PERSON = Words.of("name full_name display_name username user_name login nickname benutzername anzeigename nutzername")
PERSON_WEAK = Words.of("first_name last_name surname vorname nachname handle")
VALUE = Words.of("value val wert zahlenwert")
VALUE_WEAK = Words.of("amount betrag content payload quantity rate price factor number text data menge preis")
EMAIL = Words.of("email mail e_mail emailadresse")
OWNER = Words.of("owner creator author requester requestor user account besitzer eigentümer ersteller anleger benutzer "
                 "created_by requested_by submitted_by owned_by erstellt_von angelegt_von konto")  # fmt: skip
STARTER = Words.of(
    "started_by triggered_by requested_by run_by executed_by launched_by created_by submitted_by user actor account "
    "owner operator starter gestartet_von ausgelöst_von erstellt_von benutzer assigned_to assignee bearbeiter"
)
EDITOR = Words.of("updated modified changed edited last approved reviewed locked closed deleted cancelled archived "
                  "geändert genehmigt letzter")  # fmt: skip
CORRELATION = Words.of("correlation_id correlation corr_id korrelations_id korrelation")
CORRELATION_WEAK = Words.of("request_id trace_id traceparent transaction_uuid")
TIME_WORDS = Words.of("at on am um date time ts timestamp datum zeit dt utc zeitpunkt")
LIFECYCLE = Words.of(
    "created submitted approved locked archived rejected published closed opened reopened cancelled canceled deleted "
    "completed finished released activated deactivated accepted declined signed registered queued started paid shipped "
    "reviewed finalized confirmed withdrawn retired frozen draft "
    "erstellt angelegt eingereicht freigegeben genehmigt gesperrt archiviert abgelehnt veröffentlicht geschlossen "
    "storniert gelöscht abgeschlossen aktiviert angenommen unterschrieben bestätigt begonnen beendet"
)
NOT_LIFECYCLE = Words.of(
    "updated modified changed last next due expires expiry expiration valid effective from until birth deadline planned "
    "expected seen event scheduled sync synced refreshed geändert aktualisiert letzte gültig fällig geplant period"
)

# --- values of a run's status -----------------------------------------------------------------------------------------

SUCCEEDED = Words.of(
    "succeeded success successful succeed completed complete done finished ok passed erfolgreich erfolg fertig "
    "abgeschlossen beendet"
)
FAILED_VALUES = Words.of(
    "failed failure fail error errored crashed aborted timeout timed_out dead fehlgeschlagen fehler abgebrochen gescheitert"
)
ENDED = Words.of("cancelled canceled stopped skipped killed terminated expired interrupted revoked storniert gestoppt")
"""It is over, and neither went well nor failed by itself."""
