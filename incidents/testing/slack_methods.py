"""
The Web API's methods on the fake workspace, each named as Slack names it with ``_`` for ``.``, with their errors.
"""

from __future__ import annotations

import json
import re
from typing import Any

from incidents.testing.slack_limits import view_faults
from incidents.testing.slack_workspace import (
    HOOK_USES,
    NAME_LIMIT,
    TOPIC_LIMIT,
    VIEW_BYTES,
    Channel,
    SlackError,
    Workspace,
    in_channel,
    plain,
    true,
    without_metadata,
)

Json = dict[str, Any]


class Methods(Workspace):
    """A workspace that can be called; every method takes the arguments of the call and gives the answer's fields."""

    def auth_test(self, args: Json) -> Json:
        return {
            "url": "https://andon-test.slack.com/",
            "team": "Andon Test",
            "user": "andon",
            "team_id": self.team,
            "user_id": self.bot,
            "bot_id": "B0ANDONBOT",
            "is_enterprise_install": False,
        }

    def chat_postMessage(self, args: Json) -> Json:  # noqa: N802 - Slack's name
        channel = self._inside(args.get("channel"), by_name=True)
        message = self._content(args) | {"user": self.bot, "bot_id": "B0ANDONBOT"}
        if thread := args.get("thread_ts"):
            message["thread_ts"] = self._message(channel, thread)["ts"]
            if true(args.get("reply_broadcast")):
                message["subtype"] = "thread_broadcast"
        kept = self._keep(channel, message)
        return {"channel": channel.id, "ts": kept["ts"], "message": kept}

    def chat_update(self, args: Json) -> Json:
        channel = self._inside(args.get("channel"))
        message = self._message(channel, args.get("ts"))
        if message.get("user") != self.bot:
            raise SlackError("cant_update_message")
        content = self._content(args)
        message.pop("blocks", None)
        message.update(content, edited={"user": self.bot, "ts": self._ts()})
        return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}

    def chat_postEphemeral(self, args: Json) -> Json:  # noqa: N802 - Slack's name
        channel = self._inside(args.get("channel"))
        if args.get("user") not in channel.members:
            raise SlackError("user_not_in_channel")
        self.ephemerals.append({"channel": channel.id, "user": args["user"], **self._content(args)})
        return {"message_ts": self._ts()}

    def chat_getPermalink(self, args: Json) -> Json:  # noqa: N802 - Slack's name
        channel = self._found(args.get("channel"))
        ts = self._message(channel, args.get("message_ts"))["ts"]
        return {"channel": channel.id, "permalink": self.permalink(channel.id, ts)}

    def permalink(self, channel: str, ts: str) -> str:
        return f"https://andon-test.slack.com/archives/{channel}/p{ts.replace('.', '')}"

    def conversations_create(self, args: Json) -> Json:
        name = str(args.get("name") or "")
        if not name:
            raise SlackError("invalid_name_required")
        if len(name) > NAME_LIMIT:
            raise SlackError("invalid_name_maxlength")
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise SlackError("invalid_name_specials")
        if any(c.name == name for c in self.channels.values()):
            raise SlackError("name_taken")
        made = self.add_channel(name, private=true(args.get("is_private")))
        made.creator = self.bot
        return {"channel": self._shown(made)}

    def conversations_invite(self, args: Json) -> Json:
        channel = self._inside(args.get("channel"))
        users = [u for u in str(args.get("users") or "").split(",") if u]
        if not users:
            raise SlackError("no_user")
        wrong = [{"user": u, "ok": False, "error": error} for u in users if (error := self._not_invitable(channel, u))]
        if wrong and (len(wrong) == len(users) or not true(args.get("force"))):
            raise SlackError(str(wrong[0]["error"]), errors=wrong)
        channel.members |= {u for u in users if u in self.people}
        return {"channel": self._shown(channel)}

    def _not_invitable(self, channel: Channel, user: str) -> str:
        if user == self.bot:
            return "cant_invite_self"
        if user not in self.people or self.people[user].deleted:
            return "user_not_found"
        return "already_in_channel" if user in channel.members else ""

    def conversations_setTopic(self, args: Json) -> Json:  # noqa: N802 - Slack's name
        channel = self._inside(args.get("channel"))
        topic = str(args.get("topic") or "")
        if len(topic) > TOPIC_LIMIT:
            raise SlackError("too_long")
        channel.topic = topic
        return {"channel": self._shown(channel)}

    def conversations_info(self, args: Json) -> Json:
        return {"channel": self._shown(self._found(args.get("channel")))}

    def conversations_join(self, args: Json) -> Json:
        channel = self._found(args.get("channel"))
        if channel.private or channel.direct:
            raise SlackError("method_not_supported_for_channel_type")
        if channel.archived:
            raise SlackError("is_archived")
        channel.members.add(self.bot)
        return {"channel": self._shown(channel)}

    def conversations_list(self, args: Json) -> Json:
        start, size = int(args.get("cursor") or 0), int(args.get("limit") or 100)
        shown = [
            self._shown(c)
            for c in self.channels.values()
            if not c.direct
            and (not c.private or self.bot in c.members)
            and not (c.archived and true(args.get("exclude_archived")))
        ]
        after = str(start + size) if start + size < len(shown) else ""
        return {"channels": shown[start : start + size], "response_metadata": {"next_cursor": after}}

    def conversations_open(self, args: Json) -> Json:
        user = str(args.get("users") or "")
        if user not in self.people:
            raise SlackError("user_not_found")
        return {"channel": {"id": self._direct(user).id}}

    def conversations_history(self, args: Json) -> Json:
        channel = self._inside(args.get("channel"))
        return self._page([m for m in channel.messages if in_channel(m)][::-1], args)

    def conversations_replies(self, args: Json) -> Json:
        channel = self._inside(args.get("channel"))
        root = self._message(channel, args.get("ts"))["ts"]
        return self._page([m for m in channel.messages if m["ts"] == root or m.get("thread_ts") == root], args)

    def _page(self, messages: list[Json], args: Json) -> Json:
        oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "9" * 12)
        start, size = int(args.get("cursor") or 0), int(args.get("limit") or 100)
        inside = [m for m in messages if float(oldest) <= float(m["ts"]) <= float(latest)]
        page = inside[start : start + size]
        shown = [m if true(args.get("include_all_metadata")) else without_metadata(m) for m in page]
        after = str(start + size) if start + size < len(inside) else ""
        return {"messages": shown, "has_more": bool(after), "response_metadata": {"next_cursor": after}}

    def _shown(self, channel: Channel) -> Json:
        return {
            "id": channel.id,
            "name": channel.name,
            "creator": channel.creator,
            "is_private": channel.private,
            "is_archived": channel.archived,
            "is_member": self.bot in channel.members,
            "topic": {"value": channel.topic},
            "num_members": len(channel.members),
        }

    def bookmarks_add(self, args: Json) -> Json:
        channel = self._inside(args.get("channel_id"))
        if args.get("type") == "link" and not str(args.get("link") or "").startswith("http"):
            raise SlackError("invalid_link")
        made = {"id": f"Bk{next(self._count)}", "title": str(args.get("title")), "link": str(args.get("link"))}
        channel.bookmarks.append(made)
        return {"bookmark": made}

    def bookmarks_list(self, args: Json) -> Json:
        return {"bookmarks": self._inside(args.get("channel_id")).bookmarks}

    def pins_add(self, args: Json) -> Json:
        channel = self._inside(args.get("channel"))
        ts = self._message(channel, args.get("timestamp"))["ts"]
        if ts in channel.pins:
            raise SlackError("already_pinned")
        channel.pins.append(ts)
        return {}

    def reactions_add(self, args: Json) -> Json:
        message = self._message(self._inside(args.get("channel")), args.get("timestamp"))
        given = message.setdefault("reactions", [])
        if any(r["name"] == args.get("name") and self.bot in r["users"] for r in given):
            raise SlackError("already_reacted")
        given.append({"name": args.get("name"), "users": [self.bot], "count": 1})
        return {}

    def users_info(self, args: Json) -> Json:
        person = self.people.get(str(args.get("user")))
        if person is None:
            raise SlackError("user_not_found")
        return {
            "user": {
                "id": person.id,
                "team_id": person.team,
                "name": person.name,
                "real_name": person.name,
                "deleted": person.deleted,
                "is_bot": person.bot,
                "profile": {"display_name": person.name},
            }
        }

    def views_open(self, args: Json) -> Json:
        trigger = str(args.get("trigger_id") or "")
        if trigger in self._used_triggers:
            raise SlackError("exchanged_trigger_id")
        if trigger not in self._triggers:
            raise SlackError("invalid_trigger_id")
        until, user = self._triggers[trigger]
        if self.now() > until:
            raise SlackError("expired_trigger_id")
        view = self._view(args)
        self._used_triggers.add(trigger)
        return self._placed({"id": f"V{next(self._count):08d}"}, view, user)

    def views_update(self, args: Json) -> Json:
        known = self.views.get(str(args.get("view_id")))
        if known is None:
            raise SlackError("not_found")
        if args.get("hash") not in (None, "", known["hash"]):
            raise SlackError("hash_conflict")
        return self._placed({"id": known["id"]}, self._view(args), known["_user"])

    def _view(self, args: Json) -> Json:
        view = plain(args.get("view"))
        if len(json.dumps(view)) > VIEW_BYTES:
            raise SlackError("view_too_large")
        if wrong := view_faults(view):
            raise SlackError("invalid_arguments", response_metadata={"messages": wrong})
        found: Json = dict(view)
        return found

    def _placed(self, id: Json, view: Json, user: str) -> Json:
        made = {**view, **id, "hash": f"{next(self._count)}.h", "team_id": self.team, "_user": user}
        self.views.pop(made["id"], None)
        self.views[made["id"]] = made
        return {"view": {k: v for k, v in made.items() if k != "_user"}}

    def answer_hook(self, id: str, body: Json) -> int:
        """A post to a ``response_url``; HTTP's status."""
        hook = self.hooks.get(id)
        if hook is None or self.now() > hook.until or hook.uses >= HOOK_USES:
            return 404
        hook.uses += 1
        content = {k: v for k, v in body.items() if k in ("text", "blocks")}
        if body.get("response_type") == "in_channel":
            self._keep(self.channels[hook.channel], content | {"user": self.bot})
        else:
            self.ephemerals.append({"channel": hook.channel, "user": hook.user, **content})
        return 200
