"""
Routes about what there is: catalog, models, partners, capabilities, grants, playbooks, runbooks.
"""

from __future__ import annotations

from typing import Any

from incidents import catalog_file
from incidents.api.queries import CURSOR, Query, limit
from incidents.api.registry import Answered, Call, Said, page, route
from incidents.roles import Right
from playbooks.loader import Entry
from playbooks.schema import SIZE_LIMIT
from playbooks.source import parse

CATALOG, LIBRARY = "Catalog", "Playbooks and runbooks"
YAML = ("application/yaml", "text/yaml", "application/x-yaml", "text/plain", "application/json")
LISTED: dict[str, Any] = {"right": Right.READ, "queries": (limit(), CURSOR)}


@route(
    "GET",
    "/api/v1/catalog",
    section=CATALOG,
    right=Right.READ,
    answers={200: Answered("All sections in the file's form", "Catalog")},
)
def catalog(call: Call) -> Said:
    """
    The whole catalog, in the form that PUT takes.

    Addresses (owners, contacts, e-mail) are there for those who respond or keep the catalog.
    """
    return Said(200, call.operations.catalog(call.asker))


@route(
    "PUT",
    "/api/v1/catalog",
    section=CATALOG,
    right=Right.CATALOG,
    guard=Right.READ,
    media=YAML,
    limit=catalog_file.LIMIT,
    queries=(
        Query(name="check", about="true: only say what would change", switch=True, default=False),
        Query(name="name", about="What messages call the file", default="catalog.yaml", limit=200),
    ),
    answers={200: Answered("What changed, or with `check=true` would change", "CatalogApplied")},
)
def apply_catalog(call: Call) -> Said:
    """
    Make the catalog what the body says: YAML, or JSON of the same form.

    Sections that are there are complete, absent ones stay untouched. Applying twice changes nothing. `check=true` is
    the dry run and takes a viewer; a change that a hold overrides is accepted and named under `overridden`. Every
    error names file and line. People are changed by an admin alone.
    """
    name = call.query["name"] or "catalog.yaml"
    return Said(200, call.operations.apply_catalog(call.asker, call.raw, name, check=call.query["check"]))


@route("GET", "/api/v1/models", section=CATALOG, answers={200: Answered("Models by id", "ModelPage")}, **LISTED)
def models(call: Call) -> Said:
    """Models with the stage in the catalog and the stage in force."""
    return Said(200, call.operations.models(call.asker, **call.query))


@route(
    "GET",
    "/api/v1/models/{id}",
    section=CATALOG,
    right=Right.READ,
    answers={200: Answered("The model", "Model")},
)
def model(call: Call) -> Said:
    """One model, and which incident holds it."""
    return Said(200, call.operations.model(call.asker, call.path["id"]))


@route("GET", "/api/v1/partners", section=CATALOG, answers={200: Answered("Partners by id", "PartnerPage")}, **LISTED)
def partners(call: Call) -> Said:
    """Partners and the flags that they have grants for."""
    return Said(200, call.operations.partners(call.asker, **call.query))


@route(
    "GET",
    "/api/v1/partners/{id}",
    section=CATALOG,
    right=Right.READ,
    own=True,
    answers={200: Answered("The partner and what each of its grants gives now", "PartnerSheet")},
)
def partner(call: Call) -> Said:
    """
    One partner, with what each of its grants gives now.

    A partner's own token may read its own sheet, without the names of incidents.
    """
    return Said(200, call.operations.partner(call.asker, call.path["id"]))


@route(
    "GET",
    "/api/v1/capabilities",
    section=CATALOG,
    answers={200: Answered("Capabilities by id", "CapabilityPage")},
    **LISTED,
)
def capabilities(call: Call) -> Said:
    """Capabilities and the models that have them."""
    return Said(200, call.operations.capabilities(call.asker, **call.query))


@route(
    "GET",
    "/api/v1/capabilities/{flag}",
    section=CATALOG,
    right=Right.READ,
    answers={200: Answered("The guardrail sheet", "FlagSheet")},
)
def flag(call: Call) -> Said:
    """The guardrail sheet of one capability flag (`orion-2:tool-use`): what it may do, who has it, what holds it."""
    return Said(200, call.operations.flag(call.asker, call.path["flag"]))


@route("GET", "/api/v1/grants", section=CATALOG, answers={200: Answered("Grants", "GrantPage")}, **LISTED)
def grants(call: Call) -> Said:
    """Grants with the answer that each gives now (usage apart)."""
    return Said(200, call.operations.grants(call.asker, **call.query))


@route(
    "GET", "/api/v1/playbooks", section=LIBRARY, answers={200: Answered("Playbooks by id", "PlaybookPage")}, **LISTED
)
def playbooks(call: Call) -> Said:
    """Playbooks: what can be declared."""
    library = call.service.playbooks
    rows = [_playbook(library.entry(id)) for id in library.ids if id > call.query["cursor"]]
    return Said(200, page(rows, call.query["limit"], lambda row: row["id"]))


@route(
    "GET",
    "/api/v1/playbooks/{id}",
    section=LIBRARY,
    right=Right.READ,
    answers={200: Answered("The playbook, as values and as its file", "Playbook")},
)
def playbook(call: Call) -> Said:
    """One playbook: `definition` is its file as values, `source` the file itself."""
    entry = call.service.playbook(call.path["id"])
    definition = parse(entry.text, entry.path.name, limit=SIZE_LIMIT).value
    return Said(200, _playbook(entry) | {"definition": definition, "source": entry.text})


def _playbook(entry: Entry) -> dict[str, Any]:
    known = entry.playbook
    return {
        "id": known.id,
        "title": known.title,
        "version": known.version,
        "severity": known.severity.value,
        "parameters": [
            {"name": name, "required": p.required, "kind": known.kind_of(name).value, "about": p.about}
            for name, p in known.parameters.items()
        ],
        "capabilities": list(known.capabilities),
        "digest": entry.digest,
        "shipped": entry.shipped,
    }


@route("GET", "/api/v1/runbooks", section=LIBRARY, answers={200: Answered("Runbooks by slug", "RunbookPage")}, **LISTED)
def runbooks(call: Call) -> Said:
    """Runbooks: procedures for people."""
    rows = [{"slug": r.slug, "title": r.title} for r in call.service.runbooks if r.slug > call.query["cursor"]]
    return Said(200, page(rows, call.query["limit"], lambda row: row["slug"]))


@route(
    "GET",
    "/api/v1/runbooks/{slug}",
    section=LIBRARY,
    right=Right.READ,
    answers={200: Answered("The runbook, as Markdown and as sanitised HTML", "Runbook")},
)
def runbook(call: Call) -> Said:
    """One runbook, as Markdown and as sanitised HTML."""
    found = call.service.runbook(call.path["slug"])
    return Said(
        200,
        {
            "slug": found.slug,
            "title": found.title,
            "anchors": list(found.anchors),
            "markdown": found.markdown,
            "html": found.html,
        },
    )
