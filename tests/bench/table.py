"""
The figures as a table that reads well in a terminal. Pure: figures in, lines out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Found = dict[str, Any]


NOTE = """\
ours: a durable declaration over HTTP, the change applied and decided at every point, a real lease request from each
bare: the same pattern over plain sockets with nothing in it; rounds in turn, ratios of medians
All points live in one process that decodes, applies and decides each distinct frame once and remembers it by its
bytes: in life each gateway does that on its own machine."""


def lines(found: Found) -> Iterator[str]:
    """The whole report."""
    yield from heading(found["machine"])
    for name, render in SECTIONS.items():
        if name in found:
            yield ""
            yield from render(found[name])
    if checked := list(goals(found)):
        yield ""
        yield "Goals"
        yield from columns([("", "goal", "seen", ""), *checked])


def heading(machine: Found) -> Iterator[str]:
    yield f"Andon bench, {machine['date']}: {machine['command']}"
    yield (
        f"{machine['cores']} x {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, load {machine['load_1min']}; clients and servers share the cores"
    )


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        first, *others = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join([first, *others]).rstrip()


def ms(value: float) -> str:
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def p50_p99_max(spread: Found) -> str:
    return " / ".join(ms(spread[k]) for k in ("p50", "p99", "max"))


def switch(rows: list[Found]) -> Iterator[str]:
    yield "The switch: declare -> last of N streaming points denies -> all confirmed (ms, p50 / p99 / max)"
    found = [("N", "last denies", "bare", "ratio", "all confirmed", "bare", "ratio", "server says", "rounds")]
    for row in rows:
        ours, bare, times = row["ours_ms"], row["bare_ms"], row["ratio_of_medians"]
        found.append(
            (
                f"{row['points']:,}",
                p50_p99_max(ours["last_denies"]),
                p50_p99_max(bare["last_denies"]),
                f"{times['last_denies']:.2f}x",
                p50_p99_max(ours["all_confirmed"]),
                p50_p99_max(bare["all_confirmed"]),
                f"{times['all_confirmed']:.2f}x",
                ms(ours["server_says"]["p50"]),
                str(ours["last_denies"]["n"]),
            )
        )
    yield from columns(found)
    yield from (f"  {line}" for line in NOTE.splitlines())
    yield ""
    yield "Server memory (VmRSS, MiB)"
    kinds = ("idle", "streams_open", "after_rounds")
    rows_of_memory = [(f"{r['points']:,}", *(f"{r['resident_mib'][k]:.0f}" for k in kinds)) for r in rows]
    yield from columns([("streams", "before", "open", "after the rounds"), *rows_of_memory])


def drill(rows: list[Found]) -> Iterator[str]:
    yield "A shadow drill beside live decisions on the same partner, each answer looked at (ms, p50 / p99 / max)"
    found = [("N", "start -> all confirmed", "end -> all confirmed", "live decisions", "denied", "their p99 ms")]
    for row in rows:
        times = row["ms"]
        found.append(
            (
                f"{row['points']:,}",
                p50_p99_max(times["all_confirmed"]),
                p50_p99_max(times["back_confirmed"]),
                f"{row['decisions_asked']:,}",
                f"{row['decisions_denied']}",
                ms(row["decision_p99_ms"]),
            )
        )
    yield from columns(found)


def decisions(found: Found) -> Iterator[str]:
    yield f"Decisions over HTTP (generator: {found['generator']}; medians of rounds in turn)"
    rows = [("question", "connections", "a second", "p50 ms", "p99 ms", "of bare")]
    rows += [
        (
            r["kind"],
            str(r["connections"]),
            f"{r['per_second']:,.0f}",
            ms(r["p50_ms"]),
            ms(r["p99_ms"]),
            f"{r['of_bare']:.2f}",
        )
        for r in found["http"]
    ]
    yield from columns(rows)
    yield ""
    yield "A decision in the gateway's memory (ns; the best of seven series)"
    yield from columns([(k.replace("_", " "), f"{v:,.0f}") for k, v in found["local"].items()])


def log(found: Found) -> Iterator[str]:
    yield f"The log, with {found['events']:,} events ({found['file_mib']} MiB)"
    start = found["serve_ready_s"]
    yield from columns(
        [
            ("append, ms (p50 / p99 / max)", p50_p99_max(found["append_ms"])),
            ("open and fold all, s", f"{found['open_and_fold_s']:.2f}"),
            ("open with the kept state, s", f"{found['open_with_kept_state_s']:.2f}"),
            *((f"andon serve until ready, {name}, s", f"{took:.2f}") for name, took in start.items()),
            ("verify all, s", f"{found['verify_s']:.2f}"),
        ]
    )


def past(found: Found) -> Iterator[str]:
    yield f"Declaring with a long past: {found['closed']:,} closed incidents ({found['events']:,} events), in turn"
    yield from columns(
        [
            ("closed incidents", "declare ms, p50 / p99 / max", "memory MiB"),
            ("none", p50_p99_max(found["none_ms"]), f"{found['resident_mib']['none']:.0f}"),
            (f"{found['closed']:,}", p50_p99_max(found["closed_ms"]), f"{found['resident_mib']['closed']:.0f}"),
            ("ratio", f"p50 {found['ratio_p50']:.2f}x, p99 {found['ratio_p99']:.2f}x", ""),
        ]
    )


def preview(found: Found) -> Iterator[str]:
    yield f"Preview with {found['grants']:,} grants (ms, p50 / p99 / max)"
    yield from columns([(name, p50_p99_max(s)) for name, s in found["preview_ms"].items()])


def slack(found: Found) -> Iterator[str]:
    yield f"Slash commands, {found['at_once']} at once, {found['rounds']} rounds, Slack's API hanging"
    yield f"up to {found['open']} incidents open (ms, p50 / p99 / max)"
    yield from columns([(name, p50_p99_max(s)) for name, s in found["ms"].items()])


def pages(found: Found) -> Iterator[str]:
    yield "Pages over HTTP (ms, p50 / p99 / max), in turn"
    lines, points, closed = (f"{found[name]:,}" for name in ("lines", "points", "closed"))
    rows = [("page", "small", "large", "ratio of medians")]
    for name, what in (
        ("incident", f"an incident, {lines} lines and {points} points"),
        ("changed", "the same, something new since the last look"),
        ("board", f"board, {closed} closed"),
    ):
        row = found[name]
        rows.append((what, p50_p99_max(row["small_ms"]), p50_p99_max(row["large_ms"]), f"{row['ratio_p50']:.2f}x"))
    yield from columns(rows)


def finding(found: Found) -> Iterator[str]:
    yield f"Lists and searches with {found['long']:,} closed incidents behind them, beside {found['short']:,} (ms)"
    rows = [("question", f"{found['short']:,}: p50 / p99 / max", f"{found['long']:,}: p50 / p99 / max", "ratio")]
    rows += [
        (r["question"], p50_p99_max(r["short_ms"]), p50_p99_max(r["long_ms"]), f"{r['ratio']:.2f}x")
        for r in found["rows"]
    ]
    yield from columns(rows)
    yield f"  indexing the long past, at full speed: {found['index_s']:.1f} s"


def unleash(found: Found) -> Iterator[str]:
    if "skipped" in found:
        yield f"Unleash: skipped ({found['skipped']})"
        return
    yield f"Unleash {found['version']} (PostgreSQL, clients polling every {found['interval_s']:g} s)"
    rows = [("clients", "first client ms", "last client ms, p50 / p99 / max", "last, Andon", "times faster")]
    for row in found["switch"]:
        ours = row.get("andon_last_denies_p50")
        rows.append(
            (
                f"{row['clients']:,}",
                ms(row["first_ms"]["p50"]),
                p50_p99_max(row["last_ms"]),
                ms(ours) if ours else "",
                f"{row['last_ms']['p50'] / ours:,.0f}x" if ours else "",
            )
        )
    yield from columns(rows)
    rate = found["evaluation"]
    seen = f"{rate['per_second']:,.0f} a second, p99 {ms(rate['p99_ms'])} ms"
    yield f"  evaluation: {seen} ({rate['connections']} connections)"
    if times := found.get("andon_times_evaluation"):
        yield "  Andon beside it: " + ", ".join(f"{name} {value:.1f}x" for name, value in times.items())


def owed(found: Found) -> Iterator[str]:
    yield f"Owed to the outside: a turn beside many that wait, and {found['due']:,} due in the same second"
    yield from columns(
        [
            ("waiting", "a turn with nothing due, us p50 / p99", "start s", "state copy s"),
            *(
                (
                    f"{row['waiting']:,}",
                    f"{row['turn_us']['p50']:.1f} / {row['turn_us']['p99']:.1f}",
                    f"{row['load_s']:.2f}",
                    f"{row['keep_state_s']:.2f}",
                )
                for row in found["tick"]
            ),
        ]
    )
    yield ""
    rows = [("due at once", "first left ms", "left s p50 / last", "all in the log s", "kills meanwhile ms p50 / max")]
    for name, words in (("messages", "a channel that takes no time"), ("mails", "a mail server in another process")):
        row = found[name]
        left, kill = row["left_s"], row["kill_ms"]
        rows.append(
            (
                words,
                ms(row["first_ms"]),
                f"{left['p50']:.2f} / {left['last']:.2f}",
                f"{row['settled_s']:.2f}",
                f"{ms(kill['p50'])} / {ms(kill['max'])}",
            )
        )
    reminders = found["reminders"]["owed_s"]
    rows.append(("reminders, owed in the log", "", f"{reminders['p50']:.2f} / {reminders['last']:.2f}", "", ""))
    yield from columns(rows)


def pending(found: Found) -> Iterator[str]:
    yield f"Pending deadlines: a tick with nothing due, {found['few']:,} and {found['many']:,} pending (ms)"
    yield from columns(
        [
            ("", "p50 / p99 / max"),
            (f"{found['few']:,} pending", p50_p99_max(found["idle_ms"]["few"])),
            (f"{found['many']:,} pending", p50_p99_max(found["idle_ms"]["many"])),
        ]
    )
    yield f"  {found['at_once']:,} due in the same second: all written after {found['at_once_s']:.2f} s"
    told, kill = found["told"], found["told"]["kill_ms"]
    yield (
        f"  {told['count']:,} with all that they owe, {told['messages']} messages, kills meanwhile: sev1 written after"
        f" {told['sev1_s']:.2f} s, all written and owed after {told['owed_s']['last']:.2f} s"
        f" ({told['cpu_s']:.2f} s CPU); a kill p50 {kill['p50']:.0f} ms, max {kill['max']:.0f} ms"
    )
    yield (
        f"  the next start: read in {found['fill_s']:.2f} s; its first tick writes the {found['after_outage']:,}"
        f" that fell due meanwhile in {found['after_outage_s']:.2f} s"
    )


SECTIONS = {
    "switch": switch,
    "decisions": decisions,
    "log": log,
    "past": past,
    "preview": preview,
    "slack": slack,
    "pages": pages,
    "finding": finding,
    "owed": owed,
    "pending": pending,
    "drill": drill,
    "unleash": unleash,
}


def goals(found: Found) -> Iterator[tuple[str, str, str, str]]:
    """Each goal with what was seen; only those that this run measured."""
    for row in found.get("switch", ()):
        yield from _switch_goals(row)
    for name, times in found.get("unleash", {}).get("andon_times_evaluation", {}).items():
        yield _goal(f"{name} beside Unleash's evaluation", ">= 8x", f"{times:.1f}x", times >= 8)
    if "decisions" in found:
        took = found["decisions"]["local"]["memoised"]
        yield _goal("a decision in the gateway's memory", "< 1,000 ns", f"{took:,.0f} ns", took < 1000)
    for name, took_ms in found.get("slack", {}).get("ms", {}).items():
        seen = f"{took_ms['p99']:,.0f} ms"
        yield _goal(f"/incident {name}, p99 with 50 at once", "< 300 ms", seen, took_ms["p99"] < 300)
    for row in found.get("finding", {}).get("rows", ()):
        took, what = row["long_ms"]["p50"], f"{row['question']}, with {found['finding']['long']:,} closed"
        yield _goal(what, "< 150 ms", f"{took:.0f} ms", took < 150)
    if "pending" in found:
        known = found["pending"]
        times = known["ratio_idle"]
        yield _goal(f"a tick with {known['many']:,} pending", "< 3.00x", f"{times:.2f}x", times < 3)
        took = known["at_once_s"]
        yield _goal(f"{known['at_once']:,} due in one second", "< 1 s", f"{took:.2f} s", took < 1)
        told = known["told"]["owed_s"]["last"]
        yield _goal("the same, told to people, kills meanwhile", "< 1 s", f"{told:.2f} s", told < 1)
    if "owed" in found:
        few, many = (row["turn_us"]["p50"] for row in found["owed"]["tick"])
        last, first = found["owed"]["reminders"]["owed_s"]["last"], found["owed"]["messages"]["first_ms"]
        yield _goal("a turn beside many that wait", "< 2x", f"{many / few:.2f}x", many < 2 * few)
        yield _goal(f"{found['owed']['due']:,} reminders due at once are owed", "< 1 s", f"{last:.2f} s", last < 1)
        yield _goal("the first of as many messages has left", "< 1 s", f"{first / 1e3:.2f} s", first < 1_000)
    if "past" in found:
        times = found["past"]["ratio_p99"]
        yield _goal(f"declare p99 with {found['past']['closed']:,} closed", "< 1.20x", f"{times:.2f}x", times < 1.2)
    for name in ("incident", "changed", "board") if "pages" in found else ():
        took = found["pages"][name]["large_ms"]["p50"]
        yield _goal(f"page, {name}, large", "< 150 ms", f"{took:.0f} ms", took < 150)


def _switch_goals(row: Found) -> Iterable[tuple[str, str, str, str]]:
    count, times, resident = row["points"], row["ratio_of_medians"], row["resident_mib"]["after_rounds"]
    if count == 1_000:
        last, confirmed = times["last_denies"], times["all_confirmed"]
        yield _goal("last of 1,000 denies, beside bare", "<= 1.5x", f"{last:.2f}x", last <= 1.5)
        yield _goal("all of 1,000 confirmed, beside bare", "<= 2x", f"{confirmed:.2f}x", confirmed <= 2)
    limit = {1_000: 100, 5_000: 200}.get(count)
    if limit:
        yield _goal(f"memory with {count:,} streams", f"<= {limit} MiB", f"{resident:.0f} MiB", resident <= limit)


def _goal(what: str, wanted: str, seen: str, met: bool) -> tuple[str, str, str, str]:
    return what, wanted, seen, "met" if met else "MISSED"
