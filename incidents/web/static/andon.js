// What the pages gain with a script: they follow what happens, count down, show the reader's own time, and send a form once.
"use strict";
(() => {
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  const two = (n) => String(n).padStart(2, "0");
  const utc = (d) => `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;

  // --- times ---
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const here = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
  const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  function span(seconds) {
    const days = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24, m = Math.floor(seconds / 60) % 60, s = Math.floor(seconds) % 60;
    if (days) return h && days < 10 ? `${plural(days, "day")} ${h} h` : plural(days, "day");
    if (h) return m ? `${h} h ${m} min` : `${h} h`;
    if (m) return s && m < 10 ? `${m} min ${s} s` : `${m} min`;
    return `${s} s`;
  }
  // The server's clock counts, not this machine's: their difference is taken when a page arrives.
  let ahead = Date.now() - Date.parse(main.dataset.now);
  function setText(node, text) { if (node.textContent !== text) node.textContent = text; }
  function tick() {
    const now = Date.now() - ahead;
    for (const t of main.querySelectorAll("time[data-until]")) {
      const left = (Date.parse(t.dateTime) - now) / 1000;
      setText(t, left >= 0 ? `in ${span(left)}` : `over by ${span(-left)}`);
      t.classList.toggle("over", left < 0);
    }
    for (const t of main.querySelectorAll("time[data-ago]")) {
      const ago = (now - Date.parse(t.dateTime)) / 1000;
      setText(t, ago < 5 ? "just now" : `${span(ago)} ago`);
    }
  }
  function localTimes() {
    for (const t of main.querySelectorAll("time[data-local]")) {
      const at = new Date(t.dateTime);
      t.title = `${at.toLocaleString()} (${zone})`;
      if (at.getTimezoneOffset() !== 0 && t.closest("ol.log") && !t.closest("small")) {
        const own = document.createElement("span");
        own.className = "local";
        own.textContent = `${here(at)} here`;
        t.append(own);
      }
    }
    const place = document.getElementById("your-time");
    if (place && new Date().getTimezoneOffset() !== 0) place.textContent = `; it is ${here(new Date())} in ${zone.replaceAll("_", " ").replace(/^.*\//, "")}`;
  }

  // --- forms are sent once; the server would not do it twice either ---
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    const buttons = form.querySelectorAll("button");
    setTimeout(() => buttons.forEach((b) => b.setAttribute("aria-disabled", "true")));
    setTimeout(() => release(form), 8000);
  });
  function release(form) {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((b) => b.removeAttribute("aria-disabled"));
  }
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.querySelectorAll("form").forEach(release);
    if (live) follow();
  });

  // --- following ---
  const mode = () => main.dataset.live;
  let asOf = new Date(Date.now() - ahead), timer = 0, fetching = false, again = false, fetched = 0;

  function say(state) {
    if (!live) return;
    const text = { live: "live", reconnecting: "reconnecting", offline: `offline, as of ${utc(asOf)}` }[state];
    live.dataset.state = state;
    setText(live, text);
  }
  function concerns(message) {
    if (mode() === "none") return false;
    if (mode() === "warn") return !message.points;
    if (mode().startsWith("warn ")) return !message.points && (message.incidents || []).some((id) => id === mode().slice(5) || id === "");
    if (mode() === "all" || message.points) return true;
    const ids = message.incidents || [];
    return ids.includes(mode()) || ids.includes("");
  }
  function warn() {
    if (document.getElementById("stale")) return;
    const note = document.createElement("div");
    note.id = "stale"; note.className = "said wait"; note.setAttribute("role", "status");
    note.textContent = "Something has changed since this page was made. What you typed is still here; look again before you go on.";
    main.querySelector(".page").prepend(note);
  }
  function soon() {
    if (timer) return;
    // Soon, yet at most once a second: a thousand points may confirm within one.
    const wait = Math.max(150, 1000 - (performance.now() - fetched));
    timer = setTimeout(() => { timer = 0; document.hidden ? (again = true) : refresh(); }, wait);
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { again = false; refresh(); } });

  const nameOf = (field) => field.id ? `#${field.id}` : `${field.form ? field.form.getAttribute("action") : ""} ${field.name} ${field.value}`;
  const fields = () => main.querySelectorAll("input:not([type=hidden]), textarea, select");
  function remember() {
    const kept = { open: new Map(), typed: new Map(), across: [], focus: null };
    main.querySelectorAll("details[id]").forEach((d) => kept.open.set(d.id, d.open));
    fields().forEach((f) => {
      if (f.type === "checkbox" || f.type === "radio") { if (f.checked !== f.defaultChecked) kept.typed.set(nameOf(f), f.checked); }
      else if (f.tagName === "SELECT" ? ![...f.options].every((o) => o.selected === o.defaultSelected) : f.value !== f.defaultValue) kept.typed.set(nameOf(f), f.value);
    });
    main.querySelectorAll(".scroll").forEach((s) => kept.across.push(s.scrollLeft));
    const active = document.activeElement;
    if (active && main.contains(active)) {
      const all = [...main.querySelectorAll("a, button, input, textarea, select, summary, [tabindex]")];
      kept.focus = { id: active.id, like: `${active.tagName} ${active.textContent.slice(0, 80)} ${active.getAttribute("href") || active.name || ""}`, at: all.indexOf(active), from: active.selectionStart, to: active.selectionEnd };
    }
    return kept;
  }
  function restore(kept) {
    main.querySelectorAll("details[id]").forEach((d) => { if (kept.open.has(d.id)) d.open = kept.open.get(d.id); });
    fields().forEach((f) => {
      const key = nameOf(f);
      if (!kept.typed.has(key)) return;
      if (f.type === "checkbox" || f.type === "radio") f.checked = kept.typed.get(key); else f.value = kept.typed.get(key);
    });
    main.querySelectorAll(".scroll").forEach((s, n) => { s.scrollLeft = kept.across[n] || 0; });
    if (!kept.focus) return;
    const all = [...main.querySelectorAll("a, button, input, textarea, select, summary, [tabindex]")];
    const like = (e) => `${e.tagName} ${e.textContent.slice(0, 80)} ${e.getAttribute("href") || e.name || ""}` === kept.focus.like;
    const found = (kept.focus.id && document.getElementById(kept.focus.id)) || all.find(like) || all[kept.focus.at];
    if (!found) return;
    found.focus({ preventScroll: true });
    if (kept.focus.from != null && found.setSelectionRange) { try { found.setSelectionRange(kept.focus.from, kept.focus.to); } catch { /* a field without a caret */ } }
  }
  async function refresh() {
    if (mode().startsWith("warn")) { warn(); return; }
    if (fetching) { again = true; return; }
    fetching = true;
    fetched = performance.now();
    try {
      const answer = await fetch(main.dataset.self + location.search, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
      if (answer.status >= 500) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const body = fresh.getElementById("main");
      if (!body || main.querySelector("form[data-sent]")) return;
      const kept = remember(), top = window.scrollY;
      main.replaceChildren(...body.childNodes);
      main.dataset.live = body.dataset.live;
      ahead = Date.now() - Date.parse(body.dataset.now);
      const bar = document.querySelector(".as-of"), newer = fresh.querySelector(".as-of");
      if (bar && newer) bar.textContent = newer.textContent;
      document.title = fresh.title;
      localTimes(); restore(kept); tick();
      window.scrollTo(0, top);
      asOf = new Date(Date.now() - ahead);
      main.dispatchEvent(new CustomEvent("andon:fresh"));
    } catch { /* the stream says that we are offline */ } finally {
      fetching = false;
      if (again && !document.hidden) { again = false; soon(); }
    }
  }

  let lost = 0, wasOpen = false;
  function follow() {
    const stream = new EventSource("/live");
    stream.onopen = () => { clearTimeout(lost); lost = 0; if (wasOpen) refresh(); wasOpen = true; asOf = new Date(Date.now() - ahead); say("live"); };
    stream.onmessage = (event) => { asOf = new Date(Date.now() - ahead); if (concerns(JSON.parse(event.data))) soon(); };
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) { stream.close(); say("offline"); setTimeout(follow, 5000); return; }
      if (live && live.dataset.state !== "offline") say("reconnecting");
      lost = lost || setTimeout(() => say("offline"), 8000);
    };
    window.addEventListener("pagehide", () => stream.close(), { once: true });
  }

  if (new URLSearchParams(location.search).has("said")) history.replaceState(null, "", location.pathname + location.hash);
  localTimes(); tick(); setInterval(tick, 1000);
  if (live) follow();
})();
