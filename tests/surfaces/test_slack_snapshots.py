"""
Every message and form as a person reads it. ``python -m tests.surfaces.test_slack_snapshots`` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from incidents.slack.blocks import cut
from incidents.slack.limits import message_faults, view_faults
from incidents.testing.slack_limits import faults
from incidents.testing.slack_limits import view_faults as slacks_view_faults
from incidents.testing.slack_reading import as_read, view_as_read
from tests.support.acting import change_catalog, with_a_clock_left
from tests.support.slack import ADA, Scene, slack_scene

FOLDER = Path(__file__).parents[1] / "data" / "slack"


class Shots(dict[str, str]):
    """Name -> what is read. Each is checked against Slack's limits on the way."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene

    def answer(self, name: str, who: Any, line: str) -> None:
        said = who.command(line).json
        assert message_faults(said["text"], said.get("blocks", [])) == []
        self[name] = (
            f"> /incident {cut(line, 200)}\n(for their eyes only; notification: {said['text']})\n\n{as_read(said)}"
        )

    def message(self, name: str, channel: str = "#incidents", number: int = -1) -> None:
        message = self.scene.top(channel)[number]
        thread = self.scene.thread(message, channel)
        shown = f"(notification: {message['text']})\n\n{as_read(message)}"
        assert faults(message["blocks"]) == []
        self[name] = shown + "".join(f"\n\n(in its thread)\n{line}" for line in thread)

    def heard(self, name: str, who: Any) -> None:
        self[name] = self.scene.hears(who)
        said = who.heard[-1]
        assert message_faults(said["text"], said.get("blocks", [])) == []

    def answered(self, name: str, who: Any) -> None:
        """What stands in place of a form that was sent."""
        self.form(name, who)

    def form(self, name: str, who: Any) -> None:
        self.scene.settle()
        view = who.view()
        assert view_faults(view) == []
        assert slacks_view_faults({k: v for k, v in view.items() if not k.startswith("_")}) == []
        self[name] = view_as_read(view)


@contextmanager
def told() -> Iterator[Shots]:
    """One incident from the first command to its end, a drill beside it, and everything that can go wrong."""
    with slack_scene(settings={"rooms": "real"}) as scene:
        shots = Shots(scene)
        beginning(shots)
        working(shots)
        way_back(shots)
        refusals(shots)
        shots.answer("drill-beside-a-real-one", scene.linus, "drill break-glass partner=globex")
        outage(shots)
    for part in PARTS:
        with slack_scene() as shots.scene:
            shots.scene.shop.point("eu-gateway-1")
            part(shots)
    yield shots


def beginning(shots: Shots) -> None:
    scene = shots.scene
    scene.shop.point("eu-gateway-1")
    scene.shop.point("us-gateway-1")
    shots.answer("help", scene.linus, "help")
    shots.answer("help-of-one-verb", scene.linus, "help kill")
    shots.answer("nothing-is-open", scene.linus, "list")
    shots.answer(
        "preview",
        scene.linus,
        "preview partner-credential-abuse partner=acme model=orion-2 capability=orion-2:tool-use",
    )
    shots.answer("choose-a-playbook", scene.linus, "declare two countries at once")
    shots.form("form-1-choose", scene.linus)
    scene.linus.submit({"Playbook": "partner-credential-abuse", "Kind": "real"})
    shots.form("form-2-fill-in", scene.linus)
    scene.linus.submit({"Partner": "globex"})
    shots.form("form-3-preview", scene.linus)
    shots.answer(
        "declared", scene.linus, "declare partner-credential-abuse partner=acme model=orion-2 key on a paste site"
    )
    shots.answer(
        "declared-again-by-another", scene.grace, "declare partner-credential-abuse partner=acme model=orion-2 me too"
    )
    shots.answer("typed-again", scene.grace, "declare partner-credential-abuse partner=acme model=orion-2 me too")
    scene.posts(4)
    shots.message("incident-not-contained")
    scene.posts(20)
    shots.message("incident-contained")
    shots.heard("contained-for-whoever-declared", scene.linus)


def working(shots: Shots) -> None:
    scene = shots.scene
    shots.answer("take", scene.ada, "take latest")
    shots.answer("noted", scene.linus, "note latest at=11:58 Called Acme on the known number")
    shots.answer("update", scene.ada, "update latest gateways all deny")
    shots.answer("offered", scene.ada, "assign latest commander <@U01GRACEG|grace>")
    shots.answer("task", scene.linus, "task latest 1 done")
    shots.answer("validated", scene.linus, "validate latest 4")
    scene.posts(25)
    shots.message("incident-worked")
    shots.message("room", "inc-2026-0001-acme-orion-2")
    shots["room-topic"] = scene.slack.workspace.channel("inc-2026-0001-acme-orion-2").topic
    shots.answer("list", scene.ada, "list")
    shots.answer("clocks", scene.ada, "clocks latest")
    shots.answer("postmortem", scene.ada, "postmortem latest")
    shots.answer("check", scene.ada, "check acme orion-2:tool-use")
    shots.answer("status", scene.ada, "status latest mitigated the old key is dead")
    message = scene.top()[-1]
    for name, who, label in (
        ("form-note", scene.linus, "Note"),
        ("form-update", scene.linus, "Status update"),
        ("form-clocks", scene.linus, "Clocks"),
    ):
        scene.posts(3)
        who.press(message, label)
        shots.form(name, who)


def way_back(shots: Shots) -> None:
    scene = shots.scene
    shots.answer("restore-asked", scene.grace, "restore latest new key issued and attested")
    shots.answer("restore-to-decide", scene.ada, "approve latest")
    scene.posts(4)
    shots.message("incident-restore-asked")
    scene.ada.press(scene.top()[-1], "Read the restore")
    shots.form("form-restore", scene.ada)
    checks = [
        o["value"] for b in scene.ada.view()["blocks"] if b.get("block_id") == "checks" for o in b["element"]["options"]
    ]
    scene.ada.submit({"I say that these are true": checks, "Your decision": "approve"})
    shots["restore-approved"] = view_as_read(scene.ada.view())
    scene.posts(4)
    shots.message("incident-restored")


def drill(shots: Shots) -> None:
    scene = shots.scene
    shots.answer("drill", scene.linus, "drill break-glass partner=globex")
    scene.posts(25)
    shots.message("incident-drill")
    shots.answer("drill-joined", scene.linus, "drill join latest as facilitator")
    shots.answer("drill-over", scene.linus, "drill stop latest went through")
    scene.posts(4)
    shots.message("incident-drill-over")


def drill_with_ghosts(shots: Shots) -> None:
    scene = shots.scene
    change_catalog(scene.shop, lambda c: c["partners"]["acme"].update(ghost=True))
    shots.answer("drill-preview", scene.linus, "preview break-glass partner=acme kind=drill")
    shots.answer("drill-live", scene.ada, "drill break-glass partner=acme mode=live")
    shots.answer("drill-noted", scene.linus, "note latest gateways seen")
    scene.posts(20)
    shots.message("incident-drill-live")
    shots.answer("drill-clocks", scene.linus, "clocks latest")
    scene.linus.press(scene.top()[-1], "Note")
    shots.form("form-note-drill", scene.linus)
    scene.linus.press(scene.top()[-1], "It is REAL")
    shots.heard("drill-became-real", scene.linus)


def a_test(shots: Shots) -> None:
    scene = shots.scene
    shots.answer("test", scene.linus, "declare break-glass partner=acme kind=test is this thing on")
    scene.linus.command("declare")
    scene.settle()
    scene.linus.submit({"Playbook": "break-glass", "Kind": "drill"})
    shots.form("form-2-fill-in-drill", scene.linus)
    scene.linus.submit({"Partner": "acme"})
    shots.form("form-3-preview-drill", scene.linus)
    scene.linus.submit({})
    shots.answered("form-4-declared-drill", scene.linus)


def duties(shots: Shots) -> None:
    scene = shots.scene
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme key on a paste site")
    scene.types(scene.linus, "declare partner-credential-abuse partner=globex the same there")
    shots.answer("clocks-of-all", scene.ada, "clocks all")
    scene.posts(4)
    scene.ada.press(scene.top()[-1], "Clocks")
    shots.form("form-submit-a-clock", scene.ada)
    sent = {"Sent or filed": "gdpr-art33.notify-authority", "Its receipt": "case 4712"}
    scene.ada.submit(sent)
    shots.answered("form-clock-submitted", scene.ada)
    shots.answer("fact", scene.ada, "fact INC-2026-0001 awareness at=09:00 the partner's mail")
    shots.answer("which-clock", scene.ada, "submit INC-2026-0001 gdpr case 4711")
    shots.answer("submitted", scene.ada, "submit INC-2026-0001 gdpr-art33 case 4711 at the authority's portal")
    shots.answer("acknowledged", scene.ada, "ack latest")
    shots.answer("list-matching", scene.ada, "list globex")
    shots.answer("status-not-yet", scene.ada, "status latest resolved all good")
    scene.posts(20)
    shots.answer("false-alarm", scene.ada, "status latest false-alarm it was a test key")
    shots.answer("closed-incident", scene.linus, "task INC-2026-0002 1 done")


def closing(shots: Shots) -> None:
    scene = shots.scene
    id = with_a_clock_left(scene.shop)
    scene.posts(4)
    scene.ada.press(scene.top()[-1], "Close")
    shots.form("form-close-with-clocks", scene.ada)
    shots.answer("clocks-open", scene.ada, f"status {id} closed all is done")
    shots.answer("closed-with-clocks", scene.ada, f"status {id} closed clocks=go-on all is done")


def one_partner_first(shots: Shots) -> None:
    scene = shots.scene
    scene.types(scene.linus, "kill capability tool-use it calls home")
    shots.answer("restore-canary-asked", scene.grace, "restore latest canary=globex soak=1h cause understood")
    shots.answer("refused-by-the-asker", scene.grace, "refuse latest asked too early")
    scene.types(scene.grace, "restore latest canary=globex soak=1h cause understood now")
    scene.posts(3)
    scene.ada.press(scene.top()[-1], "Read the restore")
    scene.settle()
    checks = [
        o["value"] for b in scene.ada.view()["blocks"] if b.get("block_id") == "checks" for o in b["element"]["options"]
    ]
    scene.ada.submit({"I say that these are true": checks, "Your decision": "approve"})
    shots.answered("restore-canary-approved", scene.ada)
    scene.posts(4)
    shots.message("incident-restore-running")
    scene.linus.press(scene.top()[-1], "Stop the restore")
    shots.form("form-stop", scene.linus)
    scene.linus.submit({"What it gave back": "back", "Why?": "errors are back"})
    shots.answered("restore-stopped", scene.linus)


def forms(shots: Shots) -> None:
    scene = shots.scene
    scene.types(scene.linus, "kill partner acme leak")
    scene.posts(20)
    scene.ada.press(scene.top()[-1], "Take command")
    shots.heard("pressed-take", scene.ada)
    scene.linus.press(scene.top()[-1], "Ask for a restore")
    shots.heard("pressed-without-the-role", scene.linus)
    scene.nobody.press(scene.top()[-1], "Take command")
    shots.heard("pressed-by-a-stranger", scene.nobody)
    scene.posts(3)
    scene.ada.press(scene.top()[-1], "Harm has stopped")
    shots.form("form-status", scene.ada)
    scene.ada.press(scene.top()[-1], "Ask for a restore")
    shots.form("form-ask", scene.ada)
    scene.ada.submit({"Why is it safe again?": "new key"})
    shots.answered("form-asked", scene.ada)
    message = scene.grace.command("approve latest").json
    scene.grace.press(message, "Refuse")
    shots.form("form-refuse", scene.grace)
    scene.grace.submit({"Why is INC-2026-0001-R1 refused?": "not attested"})
    shots.answered("form-refused", scene.grace)
    scene.types(scene.ada, "restore latest again")
    shots.answer("restore-of-ones-own-command", scene.ada, "approve latest")
    scene.types(scene.ada, "refuse latest not yet")
    scene.types(scene.grace, "restore latest new key is attested")
    shots.answer("restore-to-decide-by-the-commander", scene.ada, "approve latest")


def captures(shots: Shots) -> None:
    scene = shots.scene
    scene.types(scene.linus, "kill partner acme leak")
    scene.posts(3)
    other = scene.out.person(scene.linus.user, "#support")
    said = other.say("a partner calls: is something off?")
    other.shortcut(said, "andon.capture")
    shots.form("form-capture", other)
    other.submit({"Put it on the timeline of": "INC-2026-0001"})
    shots.answered("captured", other)
    said = scene.linus.say("seen by support", thread_ts=scene.top()[0]["ts"])
    scene.linus.shortcut(said, "andon.capture")
    shots.heard("captured-in-the-thread", scene.linus)


def restricted(shots: Shots) -> None:
    scene = shots.scene
    scene.types(scene.linus, "kill partner acme leak")
    scene.posts(3)
    scene.types(scene.ada, "take latest")
    ada = scene.shop.person("ada", "commander")
    scene.shop.service.operations.set_visibility(ada, "INC-2026-0001", "restricted", "legal")
    scene.posts(6)
    shots.message("incident-restricted")
    shots.answer("restricted-for-a-member", scene.ada, "show INC-2026-0001")
    shots.answer("restricted-for-others", scene.grace, "show INC-2026-0001")


def hundreds_of_points(shots: Shots) -> None:
    scene = shots.scene
    for number in range(2, 302):
        scene.shop.point(f"eu-gateway-{number}")
    shots.answer("declared-with-hundreds-of-points", scene.linus, "kill model orion-2 it calls home")
    scene.posts(3)
    shots.message("incident-with-hundreds-of-points")


def long_words(shots: Shots) -> None:
    scene = shots.scene
    body = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "title": "T" * 200, "summary": "S" * 20_000}
    scene.shop.service.operations.declare(scene.shop.person("ada", "commander"), body)
    for _ in range(5):
        scene.shop.service.operations.note(scene.shop.person("ada", "commander"), "latest", "N" * 20_000)
    scene.posts(6)
    shots.message("incident-with-long-words")
    shots.answer("long-line", scene.ada, "x" * 8_000)
    shots.answer("long-kill", scene.ada, "kill partner globex " + "y" * 2_500)


def slack_on_its_own(shots: Shots) -> None:
    scene = shots.scene
    with scene.slack.unreachable():
        shots.answer("kill-without-slack", scene.linus, "kill partner acme leak")
    scene.slack.fails("chat.postMessage", "is_archived", times=None)
    scene.posts(10)
    shots["page-banner-channel"] = str(scene.board.health.remark())
    scene.shop.service.ledger.close()
    shots.answer("kill-not-recorded", scene.linus, "kill partner globex leak")
    shots.answer("nothing-recorded", scene.linus, "note INC-2026-0001 seen")


def refusals(shots: Shots) -> None:
    scene = shots.scene
    shots.answer("wrong-usage", scene.linus, "task two done")
    shots.answer("no-such-verb", scene.linus, "resolve")
    shots.answer("which-incident", scene.linus, "note called them")
    shots.answer("missing-role", scene.linus, "restore INC-2026-0001 please")
    shots.answer("command-taken", scene.grace, "take INC-2026-0001 over")
    shots.answer("stranger", scene.nobody, "kill partner acme leak")
    shots.answer("who-one-is", scene.ada, "link")


def outage(shots: Shots) -> None:
    scene = shots.scene
    with scene.slack.unreachable():
        scene.types(scene.ada, "update INC-2026-0001 we go on without Slack")
        for number in range(3):
            scene.types(scene.linus, f"note INC-2026-0001 minute {number}")
            scene.posts(60)
        shots["page-banner"] = str(scene.board.health.remark())
    scene.posts(90)
    message = next(m for m in scene.top() if "INC-2026-0001" in m["text"])
    shots["catch-up"] = scene.thread(message)[-1]


def notices(shots: Shots) -> None:
    scene = shots.scene
    scene.connects()
    scene.types(scene.linus, "kill partner acme their key is on a paste site")
    scene.sends(30)
    shots["called"] = as_read(scene.direct(ADA)[0])
    shots.message("incident-with-a-notice")


PARTS = (
    drill, drill_with_ghosts, a_test, notices, duties, closing, one_partner_first, forms, captures, restricted,
    hundreds_of_points, long_words, slack_on_its_own,
)  # fmt: skip


def plain(text: str) -> str:
    """Without what is random (strangers' links) or moves with every other part's events (revisions, digests)."""
    text = re.sub(r"x=[\w-]+\.[\w-]+", "x=SIGNED", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    return re.sub(r"(revisions?) \d+", r"\1 N", text) + "\n"


def test_every_message_reads_as_it_is_written_down() -> None:
    """Whoever changes a message sees in the difference what people will read."""
    with told() as shots:
        made = {name: plain(text) for name, text in shots.items()}
    kept = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt")}

    assert made.keys() == kept.keys()
    for name, text in made.items():
        assert text == kept[name], f"{name}: python -m tests.surfaces.test_slack_snapshots writes it anew"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    with told() as written:
        for name, text in written.items():
            (FOLDER / f"{name}.txt").write_text(plain(text), encoding="utf-8")
