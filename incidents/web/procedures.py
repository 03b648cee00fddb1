"""
Playbooks in words and runbooks as they are written.
"""

from __future__ import annotations

from markupsafe import Markup
from werkzeug.wrappers import Response

from incidents.web.frame import asker, pages, service, show
from playbooks.resolve import as_written


@pages.get("/playbooks")
def playbooks() -> Response:
    return show("playbooks.html", playbooks=sorted(service().playbooks, key=lambda p: p.title))


@pages.get("/playbooks/<id>")
def playbook(id: str) -> Response:
    entry = service().playbook(id)
    actions = [
        {"words": as_written(item.form).describe(), "waits": item.after is not None} for item in entry.playbook.contain
    ]
    used = [i for i in service().operations.incidents(asker(), limit=200)["items"] if i["playbook"] == id][:5]
    return show("playbook.html", book=entry.playbook, entry=entry, actions=actions, used=used)


@pages.get("/runbooks")
def runbooks() -> Response:
    return show("runbooks.html", runbooks=sorted(service().runbooks, key=lambda r: r.title))


@pages.get("/runbooks/<slug>")
def runbook(slug: str) -> Response:
    found = service().runbook(slug)
    html = Markup(found.html)  # noqa: S704 - the renderer takes no raw HTML and sanitises with a closed list
    return show("runbook.html", runbook=found, html=html)
