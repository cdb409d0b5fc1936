(after, wait) => {
  // Says what a person sees on this page, as soon as it is not what was told under generation `after`; null after `wait`
  // milliseconds. Nothing that was typed, no hidden value and no code of the page is told. Runs in an isolated world if
  // there is one; what it knows is kept there for `act.js`.
  'use strict';
  const KEY = Symbol.for('authprobe');
  const MAX_ELEMENTS = 15000;
  const MAX_DEPTH = 250;
  const MAX_HTML = 512 * 1024;
  const MAX_ATTRIBUTE = 300;
  const MAX_ATTRIBUTES = 40;
  const MAX_TEXT = 4000;
  // How long a look may keep the page busy (ms).
  const MAX_TIME = 1000;
  // Up to so many elements each has a mark: pages put listeners on anything.
  const ALL_MARKED = 3000;
  // How long after a look that showed nothing new the next is taken (ms, or so many times what the look took), and how often
  // what no event tells is looked for (ms).
  const PAUSE = 40;
  const SHARE = 4;
  const PATROL = 250;
  // How long deferred scripts are waited for that have not run yet: until then buttons may do the wrong thing or nothing (ms).
  const HASTE = 1500;
  const EVENTS = ['input', 'change', 'DOMContentLoaded', 'load', 'readystatechange', 'toggle', 'transitionend', 'animationend',
    'animationstart', 'slotchange', 'pageshow', 'popstate', 'hashchange'];
  const MUTE = new Set(['script', 'style', 'template', 'noscript', 'svg']);
  const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'param', 'source', 'track', 'wbr']);
  const WORDED = new Set(['button', 'submit', 'reset', 'checkbox', 'radio']);
  const SECRET = new Set(['value', 'style', 'srcdoc', 'nonce', 'integrity', 'checked', 'selected', 'disabled', 'content', 'ping']);
  const INTERACTIVE = 'input,button,select,textarea,a,summary,label,option,iframe,[role=button],[role=link],[role=textbox],[onclick],[tabindex],[contenteditable]';

  const begin = () => {
    const state = { generation: 1, marks: [], numbers: new WeakMap(), waiters: new Set(), told: null, paint: 0 };
    // Which document this is: two that look the same are still two.
    state.document = Math.floor((Math.random() + 1) * 2 ** 48).toString(36);
    const roots = new WeakSet();
    const channel = new MessageChannel();
    let posted = false;
    channel.port1.onmessage = () => {
      posted = false;
      for (const waiter of [...state.waiters]) waiter();
    };
    state.changed = () => {
      state.generation += 1;
      if (posted) return;
      posted = true;
      channel.port2.postMessage(0);
    };
    const observer = new MutationObserver(state.changed);
    // True if the root was not known.
    state.watch = (root) => {
      if (roots.has(root)) return false;
      roots.add(root);
      observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
      const targets = root.defaultView ? [root, root.defaultView] : [root];
      for (const target of targets) for (const type of EVENTS) target.addEventListener(type, state.changed, { capture: true, passive: true });
      return true;
    };
    state.watch(document);
    try {
      const paints = (entries) => { for (const entry of entries) state.paint = Math.max(state.paint, entry.startTime); };
      const observer = new PerformanceObserver((list) => paints(list.getEntries()));
      observer.observe({ type: 'largest-contentful-paint', buffered: true });
      state.painted = () => paints(observer.takeRecords());
    } catch { state.painted = () => {}; }
    Object.defineProperty(globalThis, KEY, { value: state });
    return state;
  };
  const state = globalThis[KEY] ?? begin();

  const frameOf = (element) => {
    try { return element.contentDocument ?? null; } catch { return null; }
  };
  // Shadow roots are attached and frames replaced without any event that a document sees.
  const patrol = (root) => {
    let found = false;
    for (const element of root.querySelectorAll('*')) {
      const inner = element.shadowRoot ?? (/^i?frame$/.test(element.localName) ? frameOf(element) : null);
      if (!inner) continue;
      if (state.watch(inner)) found = true;
      if (patrol(inner)) found = true;
    }
    return found;
  };

  const isHasty = () => {
    if (document.readyState !== 'interactive') return false;
    const entry = performance.getEntriesByType('navigation')[0];
    return entry?.domContentLoadedEventEnd === 0 && performance.now() - entry.domInteractive < HASTE;
  };

  const text = (value) => value.replace(/[&<>\0]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? '');
  const quoted = (value) => value.replace(/[&<>"\0]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '');

  const snapshot = () => {
    const out = [];
    document.documentElement.getBoundingClientRect();
    const end = performance.now() + MAX_TIME;
    let size = 0;
    let elements = 0;
    let cut = false;
    const put = (piece) => {
      if (size + piece.length > MAX_HTML) { cut = true; return false; }
      size += piece.length;
      out.push(piece);
      return true;
    };
    const mark = (element) => {
      let number = state.numbers.get(element);
      if (number === undefined) {
        number = state.marks.length;
        state.marks.push(element);
        state.numbers.set(element, number);
      }
      return number;
    };
    const nowhere = (rect) => rect.width <= 1 || rect.height <= 1;
    const meet = (a, b) => {
      if (!a || !b) return a ?? b;
      return { left: Math.max(a.left, b.left), top: Math.max(a.top, b.top), right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom) };
    };
    const apart = (rect, clip) => clip && (Math.min(rect.right, clip.right) - Math.max(rect.left, clip.left) <= 1 || Math.min(rect.bottom, clip.bottom) - Math.max(rect.top, clip.top) <= 1);

    // Whether a person sees it, and what its children need to know: `flow` and `placed` are what clips them, by their position.
    const look = (element, style, around) => {
      const inside = { ...around, hidden: around.hidden };
      if (element.hasAttribute('inert')) inside.hidden = true;
      if (inside.hidden) return { seen: false, inside };
      if (style.display === 'contents') { inside.contents = around.contents ?? around.seen; return { seen: inside.contents !== false, inside }; }
      const rendered = element.checkVisibility
        ? element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true, opacityProperty: true, visibilityProperty: true })
        : element.getClientRects().length > 0 && style.visibility === 'visible' && style.opacity !== '0';
      const rect = element.getBoundingClientRect();
      const view = element.ownerDocument.defaultView;
      const clip = style.position === 'fixed' ? null : style.position === 'absolute' ? around.placed : around.flow;
      const root = element === element.ownerDocument.documentElement || element === element.ownerDocument.body;
      const gone = !root && rect.width + rect.height > 0 && (rect.right + view.scrollX <= 0 || rect.bottom + view.scrollY <= 0);
      const field = element.matches('input,select,textarea,button');
      const clips = style.overflowX === 'hidden' || style.overflowX === 'clip' || style.overflowY === 'hidden' || style.overflowY === 'clip';
      const own = !root && clips ? rect : null;
      const clipped = rect.width + rect.height > 0 && apart(rect, clip);
      // Text for screen readers alone is in a box of one pixel.
      const tiny = nowhere(rect) && (field || clips);
      inside.contents = undefined;
      if (style.opacity === '0') inside.hidden = true;
      const holds = style.position !== 'static' || style.transform !== 'none';
      inside.flow = meet(style.position === 'fixed' ? null : clip, own);
      // What scrolls shows all of it in time.
      if (/auto|scroll/.test(`${style.overflowX} ${style.overflowY}`) && !nowhere(rect)) inside.flow = null;
      inside.placed = holds ? inside.flow : around.placed;
      if (style.position === 'fixed') inside.placed = own;
      inside.seen = rendered;
      return { seen: rendered && !gone && !tiny && !clipped, inside };
    };

    const attributes = (element, name) => {
      const type = (element.getAttribute('type') ?? '').trim().toLowerCase();
      let tag = '';
      let count = 0;
      for (const { name: key, value } of element.attributes) {
        if (count >= MAX_ATTRIBUTES) { cut = true; break; }
        if (!/^[\w:@.()[\]{}*#-]{1,80}$/.test(key) || /^on|^data-authprobe/i.test(key) || SECRET.has(key.toLowerCase())) continue;
        count += 1;
        tag += value === '' ? ` ${key}` : ` ${key}="${quoted(value.slice(0, MAX_ATTRIBUTE))}"`;
      }
      if (name === 'button' || name === 'option' || (name === 'input' && WORDED.has(type))) {
        const value = element.getAttribute('value');
        if (value) tag += ` value="${quoted(value.slice(0, MAX_ATTRIBUTE))}"`;
      } else if ((name === 'input' && type !== 'file' && type !== 'image') || name === 'textarea') {
        if (element.value) tag += ' value="•"';
      }
      if (name === 'input' && element.checked) tag += ' checked';
      if (name === 'option' && element.selected) tag += ' selected';
      if (element.matches(':disabled') || element.getAttribute('aria-disabled') === 'true') tag += ' disabled';
      return tag;
    };

    const children = (node, depth, inside) => {
      for (let child = node.firstChild; child && !cut; child = child.nextSibling) write(child, depth, inside);
    };
    const write = (node, depth, around) => {
      if (node.nodeType === Node.TEXT_NODE) {
        if (!around.readable || !node.data) return;
        const data = node.data.length > 200 || !node.data.trim() ? node.data.replace(/\s+/g, ' ') : node.data;
        put(text(data.slice(0, MAX_TEXT)));
        return;
      }
      if (node.nodeType !== Node.ELEMENT_NODE) return;
      elements += 1;
      if (elements > MAX_ELEMENTS || depth > MAX_DEPTH || performance.now() > end) { cut = true; return; }
      const name = /^[a-z][a-z0-9._-]{0,60}$/i.test(node.localName) ? node.localName.toLowerCase() : 'unknown';
      const mute = MUTE.has(name);
      let tag = `<${name}${attributes(node, name)}`;
      let inside = around;
      if (name === 'head' || around.head) {
        inside = { ...around, head: true, readable: name === 'title' };
      } else if (mute && name !== 'svg') {
        tag += ' data-authprobe-hidden';
      } else {
        const style = node.ownerDocument.defaultView.getComputedStyle(node);
        let { seen, inside: within } = look(node, style, around);
        inside = within;
        if (name === 'option' || name === 'optgroup') seen = around.readable;
        // A box of the page's own design stands in for it.
        if (!seen && name === 'input' && /^(checkbox|radio)$/.test(node.type) && !around.hidden) {
          seen = [...(node.labels ?? [])].some((label) => label.checkVisibility?.({ checkOpacity: true, checkVisibilityCSS: true }) ?? label.getClientRects().length > 0);
        }
        const pointer = style.cursor === 'pointer' && !around.pointer;
        inside.pointer = style.cursor === 'pointer';
        inside.readable = seen;
        if (!seen) tag += ' data-authprobe-hidden';
        const interactive = pointer || name.includes('-') || node.matches(INTERACTIVE);
        if (pointer && seen) tag += ' data-authprobe-pointer';
        if (interactive || (seen && elements <= ALL_MARKED)) tag += ` data-authprobe="${mark(node)}"`;
      }
      const room = size;
      if (name === 'html' && depth === 0) tag += ` data-authprobe-document="${state.document}"`;
      if (!put(`${tag}>`) || VOID.has(name)) return;
      if (room < size && !mute && name !== 'textarea') content(node, name, depth, inside);
      // An end tag always finds its room: a cut snapshot can still be read.
      size += name.length + 3;
      out.push(`</${name}>`);
    };
    const content = (node, name, depth, inside) => {
      if (node.isContentEditable && !node.parentElement?.isContentEditable) {
        if (node.textContent.trim()) put('•');
        return;
      }
      if (node.shadowRoot) {
        state.watch(node.shadowRoot);
        children(node.shadowRoot, depth + 1, inside);
      }
      if (name === 'iframe' || name === 'frame') {
        const frame = frameOf(node);
        if (frame) state.watch(frame);
        if (frame?.body && put('<div data-authprobe-frame>')) {
          const within = { hidden: inside.hidden || !inside.readable, readable: false, flow: null, placed: null };
          write(frame.body, depth + 2, within);
          size += 6;
          out.push('</div>');
        }
        return;
      }
      children(node, depth + 1, inside);
    };
    if (state.marks.length > 100000) { state.marks = []; state.numbers = new WeakMap(); }
    write(document.documentElement, 0, { hidden: false, readable: true, flow: null, placed: null });
    return { html: out.join(''), cut, elements };
  };

  const timing = () => {
    const found = {};
    const entry = performance.getEntriesByType('navigation')[0];
    const names = { redirectStart: 'redirectStart', redirectEnd: 'redirectEnd', fetchStart: 'fetchStart', dnsStart: 'domainLookupStart', dnsEnd: 'domainLookupEnd',
      connectStart: 'connectStart', connectEnd: 'connectEnd', tlsStart: 'secureConnectionStart', requestStart: 'requestStart', ttfb: 'responseStart',
      responseEnd: 'responseEnd', domReady: 'domContentLoadedEventEnd', loaded: 'loadEventEnd', redirects: 'redirectCount', status: 'responseStatus' };
    for (const [name, key] of Object.entries(names)) {
      const value = entry?.[key];
      if (typeof value === 'number' && value > 0) found[name] = value;
    }
    return found;
  };
  const resources = () => {
    const counts = {};
    let origins = 0;
    for (const { name } of performance.getEntriesByType('resource')) {
      let origin;
      try { origin = new URL(name).origin; } catch { continue; }
      if (counts[origin] === undefined) {
        if (origins >= 50) continue;
        origins += 1;
        counts[origin] = 0;
      }
      counts[origin] += 1;
    }
    return counts;
  };
  const focused = () => {
    let element = document.activeElement;
    for (let depth = 0; element && depth < 20; depth += 1) {
      const inner = element.shadowRoot?.activeElement ?? (element.localName === 'iframe' ? frameOf(element)?.activeElement : null);
      if (!inner) break;
      element = inner;
    }
    return state.numbers.get(element) ?? null;
  };

  // What is to be told, or null if that was told under `after` already.
  const tell = () => {
    if (document.readyState === 'loading' || !document.documentElement || isHasty()) return null;
    const { generation } = state;
    if (generation <= after) return null;
    const seen = snapshot();
    const content = `${document.readyState} ${location.href} ${seen.html}`;
    if (state.told?.generation === after && state.told.content === content) return null;
    state.told = { generation, content };
    state.painted();
    const story = { generation, document: state.document, ready: document.readyState, url: location.href.slice(0, 8192), title: String(document.title).slice(0, 300),
      html: seen.html, elements: seen.elements, focused: focused(), timing: timing(), resources: resources() };
    if (seen.cut) story.cut = true;
    if (state.paint > 0) story.paint = state.paint;
    return JSON.stringify(story);
  };

  return new Promise((resolve) => {
    let pause = 0;
    let timer = 0;
    let rounds = 0;
    let looked = -1;
    let hasty = isHasty();
    const done = (story) => {
      state.waiters.delete(wake);
      for (const id of [timer, pause, rounds]) clearTimeout(id);
      resolve(story);
    };
    const attempt = () => {
      pause = 0;
      if (looked === state.generation) return;
      looked = state.generation;
      const start = performance.now();
      let story = null;
      try { story = tell(); } catch (error) { story = JSON.stringify({ generation: state.generation, failed: String(error?.name).slice(0, 60) }); }
      if (story !== null) done(story);
      else pause = setTimeout(attempt, Math.max(PAUSE, SHARE * (performance.now() - start)));
    };
    const wake = () => { if (!pause) attempt(); };
    const round = () => {
      const waited = hasty;
      hasty = isHasty();
      if (patrol(document) || (waited && !hasty)) state.changed();
      rounds = setTimeout(round, PATROL);
    };
    state.waiters.add(wake);
    timer = setTimeout(() => done(null), wait);
    rounds = setTimeout(round, PATROL);
    attempt();
  });
}
