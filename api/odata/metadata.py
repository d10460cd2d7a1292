"""`$metadata`: the entity sets as CSDL 4.0, and the service document."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from api.odata.sets import EntitySet, Property, entity_sets

NAMESPACE = "ClearSight"
CONTAINER = "Feed"

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"


@cache
def metadata_document() -> bytes:
    return csdl(entity_sets().values())


def csdl(sets: Iterable[EntitySet]) -> bytes:
    register_namespace("edmx", _EDMX)
    root = Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = SubElement(root, f"{{{_EDMX}}}DataServices")
    schema = SubElement(services, "Schema", xmlns=_EDM, Namespace=NAMESPACE)
    container = Element("EntityContainer", Name=CONTAINER)
    for each in sets:
        _entity_type(schema, each)
        made = SubElement(container, "EntitySet", Name=each.name, EntityType=f"{NAMESPACE}.{each.name}")
        _annotation(made, "Org.OData.Core.V1.Description", String=each.about)
    _annotation(container, "Org.OData.Capabilities.V1.AsynchronousRequestsSupported", Bool="false")
    _annotation(container, "Org.OData.Capabilities.V1.BatchSupported", Bool="false")
    schema.append(container)
    told: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return told


def _entity_type(schema: Element, entity_set: EntitySet) -> None:
    made = SubElement(schema, "EntityType", Name=entity_set.name)
    key = SubElement(made, "Key")
    for name in entity_set.key:
        SubElement(key, "PropertyRef", Name=name)
    for each in entity_set.properties.values():
        SubElement(made, "Property", _facets(each))


def _facets(found: Property) -> dict[str, str]:
    facets = {"Name": found.name, "Type": found.edm}
    if not found.nullable:
        facets["Nullable"] = "false"
    if found.kind == "instant":
        facets["Precision"] = "6"
    return facets


def _annotation(target: Element, term: str, **value: str) -> None:
    SubElement(target, "Annotation", {"Term": term, **value})


def service_document(base: str) -> dict[str, Any]:
    """`base` ends in a slash."""
    return {
        "@odata.context": f"{base}$metadata",
        "value": [{"name": name, "kind": "EntitySet", "url": name} for name in entity_sets()],
    }
