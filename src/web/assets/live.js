// Live updates: the page without this script is complete, only older.
"use strict";
(() => {
  const live = document.getElementById("live");
  let main = document.querySelector("main"), skew = 0, source, timer, busy = false, due = Infinity, last = 0, opened = 0, over = false;
  // Whether news arrives; whether the page itself did not when it was asked for last.
  let connected = false, broken = false;
  // What is read aloud: a verdict that is another than before, and nothing else.
  const voice = document.createElement("p");
  voice.className = "hidden";
  voice.setAttribute("aria-live", "polite");

  const say = (state, ...words) => {
    if (!live || (live.dataset.state === state && live.textContent === words.map((w) => w.textContent ?? w).join(""))) return;
    live.dataset.state = state;
    live.replaceChildren(...words);
  };
  const tell = () => {
    if (over) return;
    if (!connected) say("off", "reconnecting…");
    else if (broken) say("off", "out of date");
    else say("on", "live");
  };

  // Times as the server writes them: two units at most, by its clock.
  const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  const rough = (seconds) => {
    const unit = seconds < 600 ? 1 : seconds < 86400 ? 60 : 3600;
    let left = Math.floor(seconds / unit) * unit, text = "";
    for (const [name, length] of UNITS) {
      if (left >= length) text += Math.floor(left / length) + name;
      left %= length;
    }
    return text || "0s";
  };
  const RELATIVE = /^(now|in \S+|\S+ ago)$/;
  const tick = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      if (!RELATIVE.test(time.textContent)) continue;
      const away = (Date.parse(time.dateTime) - Date.now() - skew) / 1000;
      const text = away >= 1 ? "in " + rough(away) : away <= -1 ? rough(-away) + " ago" : "now";
      if (time.firstChild.data !== text) time.firstChild.data = text;
    }
  };
  const dress = (root) => {
    for (const button of root.querySelectorAll("button[data-copy-from][hidden]")) button.hidden = false;
  };
  const clock = (root) => {
    const now = Date.parse(root.dataset.now ?? "");
    if (!Number.isNaN(now)) skew = now - Date.now();
  };

  // What an element says, without times: they always change.
  const words = (element) => {
    const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    let text = "";
    while (walk.nextNode()) if (walk.currentNode.parentNode.nodeName !== "TIME") text += walk.currentNode.data;
    return text;
  };
  const said = (root) => new Map([...root.querySelectorAll("[id]")].map((element) => [element.id, words(element)]));

  // Makes `old` what `next` is and touches nothing that is the same: focus, selection, scroll and what somebody opened stay.
  const KEPT = { DETAILS: ["open"], INPUT: ["value"] };
  const become = (old, next) => {
    if (old.isEqualNode(next)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = next.data; return; }
    const kept = KEPT[old.nodeName] ?? [];
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) {
      if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
      const same = child.id ? named.get(child.id) : at && !at.id && at.nodeName === child.nodeName ? at : null;
      if (!same || same.nodeName !== child.nodeName) { old.insertBefore(child, at); continue; }
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      become(same, child);
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };

  // What is read stays where it is, whatever grows above it: what has the focus, else what begins first on the screen. Whoever
  // is at the top wants to see the top.
  const top = (element) => element.getBoundingClientRect().top;
  const mark = () => {
    const seen = (element) => top(element) >= 0 && top(element) < innerHeight;
    const focus = document.activeElement;
    if (scrollY < 1) return null;
    const element = main.contains(focus) && focus !== main && seen(focus) ? focus : [...main.querySelectorAll("[id]")].find(seen);
    return element ? { element, at: top(element) } : null;
  };

  const show = (page) => {
    const next = page.querySelector("main");
    if (!next) return;
    clock(next);
    dress(next);
    tick(next);
    const before = said(main), verdict = document.getElementById("verdict")?.textContent;
    const read = mark();
    become(main, document.adoptNode(next));
    if (read?.element.isConnected) scrollBy({ top: top(read.element) - read.at, behavior: "instant" });
    if (page.title !== document.title) document.title = page.title;
    const spoken = document.getElementById("verdict")?.textContent;
    if (spoken && spoken !== verdict) voice.textContent = spoken;
    // The innermost of what is new: a card, not the whole page around it.
    const fresh = [...main.querySelectorAll("[id]")].filter(({ id }) => before.has(id));
    const changed = new Set(fresh.filter((element) => before.get(element.id) !== words(element)));
    for (const element of changed) {
      if ([...element.querySelectorAll("[id]")].some((inner) => changed.has(inner))) continue;
      element.classList.add("fresh");
      element.addEventListener("animationend", () => element.classList.remove("fresh"), { once: true });
    }
  };

  const stop = () => {
    over = true;
    source?.close();
    clearTimeout(timer);
    const link = document.createElement("a");
    link.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
    link.textContent = "signed out";
    say("off", link);
  };

  // A document by XMLHttpRequest: it is parsed without a script of it running, and without a string that becomes markup.
  const look = () => {
    timer = undefined;
    due = Infinity;
    busy = true;
    last = Date.now();
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.timeout = 10000;
    request.setRequestHeader("Accept", "text/html");
    request.onloadend = () => {
      busy = false;
      const there = request.responseURL && new URL(request.responseURL).pathname;
      if (there === "/sign-in" && location.pathname !== "/sign-in") return stop();
      // What is gone says so itself: a reload may have taken its name away, and the next one may bring it back.
      const page = [200, 404].includes(request.status) && request.response?.querySelector("main") ? request.response : null;
      const before = broken;
      broken = !page;
      if (page) show(page);
      else want(5000);
      if (broken !== before) tell();
      if (due < Infinity) want(due - Date.now());
    };
    request.send();
  };
  // Asks for the page in so many ms, and never more than once a second.
  const want = (ms) => {
    const at = Math.max(Date.now() + ms, last + 1000);
    if (over || document.hidden || (at >= due && (timer || busy))) return;
    due = at;
    if (busy) return;
    clearTimeout(timer);
    timer = setTimeout(look, Math.max(0, at - Date.now()));
  };

  // Whether a run of that probe changes what is here: the overview shows all, a probe's view its own, others those they lead to.
  const shows = (probe) => {
    const code = (character) => "%" + character.charCodeAt(0).toString(16).toUpperCase();
    const path = "/probes/" + encodeURIComponent(probe).replace(/[!'()*]/g, code);
    if (location.pathname === "/" || location.pathname === path) return true;
    return !location.pathname.startsWith("/probes/") && main.querySelector(`a[href="${path}"]`) !== null;
  };

  // News that wakes somebody is shown at once, everything else in its time.
  const open = () => {
    if (over || document.hidden || source) return;
    source = new EventSource("/api/v1/events");
    source.onopen = () => {
      connected = true;
      tell();
      // What happened in between was told to nobody here.
      if (opened++) want(0);
    };
    source.onerror = () => {
      connected = false;
      tell();
      if (source.readyState !== EventSource.CLOSED) return;
      // Refused: signed out, or no place at present. The page says which.
      close();
      want(0);
      setTimeout(open, 5000 + Math.random() * 5000);
    };
    source.addEventListener("run", ({ data }) => {
      const { probe, verdict } = JSON.parse(data);
      want(!shows(probe) ? 15000 : verdict === "good" ? 5000 : 0);
    });
    source.addEventListener("evaluated", () => want(5000));
    for (const name of ["alert", "reloaded", "changed", "lagged"]) source.addEventListener(name, () => want(0));
  };
  const close = () => { source?.close(); source = undefined; };

  // Nobody looks: no work, and no place taken. Back again, what was missed is caught up on.
  const turn = () => {
    if (document.hidden) { close(); clearTimeout(timer); timer = undefined; due = Infinity; }
    else { open(); want(0); tick(document); }
  };

  const copy = async (button) => {
    const name = button.dataset.name ??= button.textContent;
    let done = "copied";
    try {
      const answer = await fetch(button.dataset.copyFrom, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      await write(await answer.text());
    } catch { done = "not copied"; }
    button.textContent = voice.textContent = done;
    setTimeout(() => { button.textContent = name; }, 2000);
  };
  // Over plain HTTP browsers have no clipboard for scripts, but still this.
  const write = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("refused");
  };
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("button[data-copy-from]");
    if (button) copy(button);
  });

  document.body.append(voice);
  clock(main);
  dress(document);
  setInterval(() => document.hidden || tick(document), 60000);
  if (main.hasAttribute("data-live")) {
    document.addEventListener("visibilitychange", turn);
    addEventListener("pagehide", close);
    addEventListener("pageshow", ({ persisted }) => { if (persisted) turn(); });
    open();
  }
})();
