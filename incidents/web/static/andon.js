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
    for (const t of main.querySelectorAll("time[data-lasting]")) setText(t, span(Math.max(0, (now - Date.parse(t.dateTime)) / 1000)));
  }
  function localTimes(root = main) {
    for (const t of root.querySelectorAll("time[data-local]")) {
      const at = new Date(t.dateTime);
      t.title = `${at.toLocaleString()} (${zone})`;
      if (at.getTimezoneOffset() !== 0 && t.matches("ol.log > li > time") && !t.querySelector(".local")) {
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
  let asOf = new Date(Date.now() - ahead), timer = 0, fetching = false, again = false, fetched = 0, took = 0;

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
    // Soon, yet at most once a second, and a tenth of the time at most: a thousand points may confirm within one second,
    // and many people may be looking.
    const wait = Math.max(150, Math.max(1000, 10 * took) - (performance.now() - fetched));
    timer = setTimeout(() => { timer = 0; document.hidden ? (again = true) : refresh(); }, wait);
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) { again = false; refresh(); } });

  // What a person has done to a piece of the page, and the same done again to the piece that takes its place.
  const nameOf = (field) => field.id ? `#${field.id}` : `${field.form ? field.form.getAttribute("action") : ""} ${field.name} ${field.value}`;
  const fields = (root) => root.querySelectorAll("input:not([type=hidden], [readonly]), textarea, select");
  const REACHED = "a, button, input, textarea, select, summary, [tabindex]";
  const likeness = (e) => `${e.tagName} ${e.textContent.slice(0, 80)} ${e.getAttribute("href") || e.name || ""}`;
  function remember(root) {
    const kept = { open: new Map(), typed: new Map(), across: [], focus: null };
    root.querySelectorAll("details[id]").forEach((d) => kept.open.set(d.id, d.open));
    fields(root).forEach((f) => {
      if (f.type === "checkbox" || f.type === "radio") { if (f.checked !== f.defaultChecked) kept.typed.set(nameOf(f), f.checked); }
      else if (f.tagName === "SELECT" ? ![...f.options].every((o) => o.selected === o.defaultSelected) : f.value !== f.defaultValue) kept.typed.set(nameOf(f), f.value);
    });
    root.querySelectorAll(".scroll").forEach((s) => kept.across.push(s.scrollLeft));
    const active = document.activeElement;
    if (active && active !== root && root.contains(active)) {
      kept.focus = { id: active.id, like: likeness(active), at: [...root.querySelectorAll(REACHED)].indexOf(active), from: active.selectionStart, to: active.selectionEnd };
    }
    return kept;
  }
  function restore(root, kept) {
    root.querySelectorAll("details[id]").forEach((d) => { if (kept.open.has(d.id)) d.open = kept.open.get(d.id); });
    fields(root).forEach((f) => {
      const key = nameOf(f);
      if (!kept.typed.has(key)) return;
      if (f.type === "checkbox" || f.type === "radio") f.checked = kept.typed.get(key); else f.value = kept.typed.get(key);
    });
    root.querySelectorAll(".scroll").forEach((s, n) => { s.scrollLeft = kept.across[n] || 0; });
    if (!kept.focus) return;
    const all = [...root.querySelectorAll(REACHED)];
    const found = (kept.focus.id && document.getElementById(kept.focus.id)) || all.find((e) => likeness(e) === kept.focus.like) || all[kept.focus.at];
    if (!found) return;
    found.focus({ preventScroll: true });
    if (kept.focus.from != null && found.setSelectionRange) { try { found.setSelectionRange(kept.focus.from, kept.focus.to); } catch { /* a field without a caret */ } }
  }

  // A page in pieces gets only those that have changed; what is typed or read elsewhere is not even touched.
  const pieces = (root) => new Map([...root.querySelectorAll("[data-part]")].map((piece) => [piece.dataset.part, piece]));
  const plain = (piece) => piece.outerHTML
    .replace(/(name="once" value=")[^"]*/g, "$1")
    .replace(/(<time [^>]*data-(?:ago|until|lasting)[^>]*>)[^<]*/g, "$1").replace(/(data-until="" class=")due over/g, "$1due");
  let sent = new Map();
  const takeDown = (root) => { sent = new Map([...pieces(root)].map(([name, piece]) => [name, plain(piece)])); };
  function renew(body) {
    const old = pieces(main), fresh = pieces(body);
    const alike = main.querySelector(".page[data-piecemeal]") && body.querySelector(".page[data-piecemeal]") && [...old.keys()].join() === [...fresh.keys()].join();
    const swaps = alike ? [...fresh].filter(([name, piece]) => plain(piece) !== sent.get(name)).map(([name, piece]) => [old.get(name), piece]) : [];
    takeDown(body);
    if (!alike) {
      const kept = remember(main);
      main.replaceChildren(...body.childNodes);
      localTimes(); restore(main, kept);
      return;
    }
    for (const [was, piece] of swaps) {
      const kept = remember(was);
      was.replaceWith(piece);
      localTimes(piece); restore(piece, kept);
    }
  }
  // The line that is being read stays where it is on the screen, whatever was put above it.
  function anchor() {
    if (window.scrollY < 40) return () => {};
    const from = [...main.querySelectorAll("[id]")].find((e) => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().height > 0);
    const was = from ? from.getBoundingClientRect().top : 0, top = window.scrollY;
    return () => {
      const now = from && document.getElementById(from.id);
      window.scrollTo(0, now ? window.scrollY + now.getBoundingClientRect().top - was : top);
    };
  }
  const told = () => new Map([...main.querySelectorAll("[data-announce]")].map((e) => [e.dataset.announce, e.textContent.trim()]));
  function announce(before) {
    const place = document.getElementById("announce");
    const news = [...told()].filter(([what, text]) => before.has(what) && before.get(what) !== text).map(([what, text]) => `${what}: ${text}`);
    if (place && news.length) place.textContent = news.join(". ");
  }
  let composing = false;
  document.addEventListener("compositionstart", () => { composing = true; });
  document.addEventListener("compositionend", () => { composing = false; });

  async function refresh() {
    if (mode().startsWith("warn")) { warn(); return; }
    if (fetching || composing) { again = true; if (composing) setTimeout(soon, 1000); return; }
    fetching = true;
    fetched = performance.now();
    try {
      const answer = await fetch(main.dataset.self + location.search, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
      if (answer.status >= 500) return;
      const html = await answer.text();
      took = performance.now() - fetched;
      const fresh = new DOMParser().parseFromString(html, "text/html");
      const body = fresh.getElementById("main");
      if (!body || composing || main.querySelector("form[data-sent]")) { again = again || composing; return; }
      const before = told(), hold = anchor();
      renew(body);
      main.dataset.live = body.dataset.live;
      ahead = Date.now() - Date.parse(body.dataset.now);
      const bar = document.querySelector(".as-of"), newer = fresh.querySelector(".as-of");
      if (bar && newer) bar.textContent = newer.textContent;
      document.title = fresh.title;
      tick(); showCopy(); hold(); announce(before);
      asOf = new Date(Date.now() - ahead);
      main.dispatchEvent(new CustomEvent("andon:fresh"));
    } catch { /* the stream says that we are offline */ } finally {
      fetching = false;
      if (again && !document.hidden) { again = false; soon(); }
    }
  }

  // --- copying a link ---
  function showCopy() { main.querySelectorAll("button.copy[hidden]").forEach((b) => { b.hidden = false; }); }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    const field = button && document.getElementById(button.dataset.copy);
    if (!field) return;
    field.select();
    // Only a page on https or this machine gets the clipboard; elsewhere the link is selected and Ctrl-C copies it.
    try { await navigator.clipboard.writeText(field.value); button.textContent = "Copied"; } catch { button.textContent = document.execCommand("copy") ? "Copied" : "Selected"; }
    const place = document.getElementById("announce");
    if (place) place.textContent = button.textContent;
    setTimeout(() => { button.textContent = "Copy"; }, 3000);
  });

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

  const asked = new URLSearchParams(location.search);
  if (asked.has("said")) { asked.delete("said"); history.replaceState(null, "", location.pathname + (asked.size ? `?${asked}` : "") + location.hash); }
  takeDown(main); localTimes(); tick(); showCopy(); setInterval(tick, 1000);
  if (live) follow();
  // Whoever was handed a link has no stream: such a page looks again every half minute.
  if (mode() === "poll") setInterval(() => { if (!document.hidden && mode() === "poll") refresh(); }, 30000);
})();
