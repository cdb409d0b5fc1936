(op, mark, words) => {
  // Does one thing to an element that `look.js` marked: `fill`, `focus`, `tick`, `click`, `point`; or hides what was typed
  // and every needle in `words` (a JSON array) from a screenshot: `cover`, until `uncover`. Answers in few words of its own.
  'use strict';
  const KEY = Symbol.for('authprobe');
  const COVER = Symbol.for('authprobe.cover');
  const state = globalThis[KEY];
  const home = document.defaultView;
  const MAX_COVERED = 5000;

  const frameOf = (element) => {
    try { return element.contentDocument ?? null; } catch { return null; }
  };
  const viewOf = (element) => element.ownerDocument.defaultView;
  const isField = (element) => element.localName === 'input' || element.localName === 'textarea';
  const isDisabled = (element) => element.matches(':disabled') || element.getAttribute('aria-disabled') === 'true';
  const isThere = (element) => {
    for (let node = element; node;) {
      if (!node.isConnected) return false;
      const view = viewOf(node);
      if (!view) return false;
      node = view === home ? null : view.frameElement;
    }
    return true;
  };
  const show = (element) => {
    const box = element.getBoundingClientRect();
    const view = viewOf(element);
    const inView = box.top >= 0 && box.left >= 0 && box.bottom <= view.innerHeight && box.right <= view.innerWidth;
    if (!inView || view.frameElement) element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  };

  // What a field holds.
  const held = (element) => (isField(element) ? element.value : element.textContent);
  // A field may group digits or trim blanks: it is the same to the page.
  const same = (element, wanted) => {
    const value = held(element);
    const bare = (text) => text.replace(/[\s\u00a0\u200b-]/g, '');
    return value === wanted || (wanted !== '' && bare(value) === wanted) || (!isField(element) && value.trim() === wanted);
  };
  const select = (element) => {
    if (isField(element)) return element.select();
    const range = element.ownerDocument.createRange();
    range.selectNodeContents(element);
    const selection = viewOf(element).getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  const key = (element, type) => element.dispatchEvent(new (viewOf(element).KeyboardEvent)(type, { key: 'Unidentified', bubbles: true, composed: true }));
  const type = (element, wanted) => {
    element.focus({ preventScroll: true });
    select(element);
    key(element, 'keydown');
    const { ownerDocument } = element;
    ownerDocument.execCommand(wanted === '' ? 'delete' : 'insertText', false, wanted);
    if (!same(element, wanted)) set(element, wanted);
    key(element, 'keyup');
  };
  // Past any setter that the page put on the element, which is how frameworks notice a change.
  const set = (element, wanted) => {
    const view = viewOf(element);
    if (isField(element)) {
      const { prototype } = element.localName === 'input' ? view.HTMLInputElement : view.HTMLTextAreaElement;
      Object.getOwnPropertyDescriptor(prototype, 'value').set.call(element, wanted);
    } else {
      element.textContent = wanted;
    }
    element.dispatchEvent(new view.InputEvent('input', { bubbles: true, composed: true, inputType: 'insertReplacementText' }));
    element.dispatchEvent(new view.Event('change', { bubbles: true }));
  };
  // One field for each character of a code, this one first; null if it is not so.
  const spread = (element, wanted) => {
    if (element.maxLength !== 1 || wanted.length < 2) return null;
    const single = (field) => field.maxLength === 1 && !field.disabled && !field.readOnly && field.type === element.type;
    const all = [...(element.form ?? element.getRootNode()).querySelectorAll('input')].filter(single);
    const from = all.indexOf(element);
    const fields = from < 0 ? [] : all.slice(from, from + wanted.length);
    return fields.length === wanted.length ? fields : null;
  };
  const fill = (element, wanted) => {
    const editable = isField(element) || element.isContentEditable;
    if (!editable) return 'cannot be filled in';
    if (isDisabled(element)) return 'disabled';
    if (element.readOnly) return 'read-only';
    show(element);
    const boxes = spread(element, wanted);
    if (boxes) {
      // Many such pages spread what is pasted into the first box by themselves; typing works with all of them.
      boxes.forEach((box, at) => type(box, wanted[at]));
      return boxes.every((box, at) => box.value === wanted[at]) ? 'ok' : 'kept another value';
    }
    type(element, wanted);
    return same(element, wanted) ? 'ok' : 'kept another value';
  };
  const tick = (element) => {
    if (element.checked === undefined) return 'cannot be ticked';
    if (element.checked) return 'ok';
    if (isDisabled(element)) return 'disabled';
    element.click();
    return element.checked ? 'ok' : 'kept another value';
  };

  const hit = (root, x, y) => {
    let found = root.elementFromPoint(x, y);
    while (found?.shadowRoot) {
      const inner = found.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === found) break;
      found = inner;
    }
    return found;
  };
  const belongs = (found, element) => {
    for (let node = found; node; node = node.assignedSlot ?? node.parentNode ?? node.host) {
      if (node === element || (node.localName === 'label' && node.control === element)) return true;
    }
    return false;
  };
  const named = (element) => {
    if (!element) return 'nothing';
    const classes = [...element.classList].slice(0, 3).map((name) => `.${name.slice(0, 30)}`).join('');
    return `${element.localName.slice(0, 30)}${element.id ? `#${String(element.id).slice(0, 40)}` : ''}${classes}`;
  };
  // Points worth trying within the parts of the element that the window shows.
  const candidates = (element) => {
    const view = viewOf(element);
    const points = [];
    for (const box of [...element.getClientRects()].slice(0, 5)) {
      const [left, top] = [Math.max(box.left, 0), Math.max(box.top, 0)];
      const [right, bottom] = [Math.min(box.right, view.innerWidth), Math.min(box.bottom, view.innerHeight)];
      if (right - left < 1 || bottom - top < 1) continue;
      for (const [across, down] of [[0.5, 0.5], [0.25, 0.5], [0.75, 0.5], [0.5, 0.25], [0.5, 0.75], [0.1, 0.5], [0.9, 0.5]]) {
        points.push([left + (right - left) * across, top + (bottom - top) * down]);
      }
    }
    return points;
  };
  // A point of a frame's window as a point of the topmost window, if nothing lies over the frame there.
  const outwards = (element, x, y) => {
    for (let view = viewOf(element); view !== home && view.frameElement; view = view.parent) {
      const frame = view.frameElement;
      const box = frame.getBoundingClientRect();
      x += box.left + frame.clientLeft;
      y += box.top + frame.clientTop;
      const over = hit(frame.ownerDocument, x, y);
      if (!belongs(over, frame)) return { covered: named(over) };
    }
    return { x, y };
  };
  const point = (element) => {
    if (isDisabled(element)) return { disabled: true };
    show(element);
    let covered = null;
    // A box of the page's own design may stand in for a control: pressing its label is pressing it.
    for (const target of [element, ...(element.labels ?? [])]) {
      for (const [x, y] of candidates(target)) {
        const found = hit(target.ownerDocument, x, y);
        if (!belongs(found, element)) { covered ??= named(found); continue; }
        const at = outwards(target, x, y);
        if (at.x !== undefined) return at;
        covered ??= at.covered;
      }
    }
    return { covered: covered ?? 'nothing' };
  };

  // What is hidden now, and how it was.
  const hiding = () => {
    if (!globalThis[COVER]) Object.defineProperty(globalThis, COVER, { value: { covered: [], layers: [] } });
    return globalThis[COVER];
  };
  const restyle = (element, styles) => {
    hiding().covered.push({ element, before: element.getAttribute('style') });
    for (const [name, value] of Object.entries(styles)) element.style.setProperty(name, value, 'important');
  };
  const covers = (element, needles) => {
    const name = element.localName;
    if (name === 'input') {
      if (!['hidden', 'submit', 'button', 'reset', 'checkbox', 'radio', 'image', 'color', 'range'].includes(element.type)) return true;
    } else if (['textarea', 'select', 'canvas', 'embed', 'object', 'video'].includes(name)) {
      return true;
    } else if (name === 'iframe' || name === 'frame') {
      if (!frameOf(element)?.documentElement) return true;
    } else if (name.includes('-') && !element.shadowRoot && !element.firstElementChild && !element.textContent.trim()) {
      // What it shows is in a root that nobody may look into.
      return true;
    }
    if (element.isContentEditable || /^(textbox|searchbox|combobox)$/.test(element.getAttribute('role') ?? '')) return true;
    if (!needles.length) return false;
    const has = (value) => { const lower = value.toLowerCase(); return needles.some((needle) => lower.includes(needle)); };
    if ([...element.attributes].some(({ value }) => has(value))) {
      const drawn = (part) => has(viewOf(element).getComputedStyle(element, part).content);
      if (name === 'input' || name === 'img' || drawn('::before') || drawn('::after')) return true;
    }
    // The innermost that says it, in whatever pieces.
    if (['script', 'style', 'html', 'head', 'title', 'template', 'noscript'].includes(name) || !has(element.textContent)) return false;
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && has(node.data));
    return own || ![...element.children].some((child) => has(child.textContent));
  };
  const find = (root, needles, found) => {
    for (const element of root.querySelectorAll('*')) {
      if (found.length > MAX_COVERED) return;
      if (covers(element, needles)) found.push(element);
      if (element.shadowRoot) find(element.shadowRoot, needles, found);
      const frame = /^i?frame$/.test(element.localName) ? frameOf(element) : null;
      if (frame) find(frame, needles, found);
    }
  };
  // One layer above everything, dialogs and popovers included, for each document.
  const layerOf = (owner, layers) => {
    if (layers.has(owner)) return layers.get(owner);
    const layer = owner.createElement('div');
    layer.style.cssText = 'all:initial!important;position:fixed!important;inset:0!important;width:100vw!important;height:100vh!important;margin:0!important;padding:0!important;border:0!important;overflow:visible!important;background:transparent!important;pointer-events:none!important;display:block!important;z-index:2147483647!important;opacity:1!important;visibility:visible!important';
    owner.documentElement.append(layer);
    try { layer.popover = 'manual'; layer.showPopover(); } catch { /* an older browser: above all but dialogs */ }
    layers.set(owner, layer);
    hiding().layers.push(layer);
    return layer;
  };
  const cover = () => {
    uncover();
    const needles = JSON.parse(words || '[]').map((needle) => String(needle).toLowerCase()).filter((needle) => needle.trim());
    const found = [];
    find(document, needles, found);
    if (found.length > MAX_COVERED) return 'too much to cover';
    const layers = new Map();
    const boxes = found.map((element) => [element, [...element.getClientRects()]]);
    for (const [element, rects] of boxes) {
      // What is not shown cannot be seen, however the page moves; the box only says that something was here.
      restyle(element, { transition: 'none', animation: 'none', visibility: 'hidden' });
      for (const rect of rects.slice(0, 50)) {
        if (rect.width < 1 || rect.height < 1) continue;
        const box = element.ownerDocument.createElement('div');
        box.style.cssText = `all:initial!important;display:block!important;position:absolute!important;left:${rect.left - 1}px!important;top:${rect.top - 1}px!important;width:${rect.width + 2}px!important;height:${rect.height + 2}px!important;background:#808080!important;visibility:visible!important;opacity:1!important`;
        layerOf(element.ownerDocument, layers).append(box);
      }
    }
    return 'ok';
  };
  const uncover = () => {
    const hidden = hiding();
    for (const layer of hidden.layers) layer.remove();
    for (const { element, before } of hidden.covered) {
      if (before === null) element.removeAttribute('style');
      else element.setAttribute('style', before);
    }
    hidden.layers = [];
    hidden.covered = [];
    return 'ok';
  };

  const run = () => {
    if (op === 'cover') return cover();
    if (op === 'uncover') return uncover();
    const element = state?.marks[mark];
    const there = element !== undefined && isThere(element);
    if (op === 'point') return JSON.stringify(there ? point(element) : { gone: true });
    if (!there) return 'gone';
    if (op === 'fill') return fill(element, words);
    if (op === 'tick') return tick(element);
    if (op === 'focus') { show(element); element.focus(); return element.matches(':focus, :focus-within') ? 'ok' : 'takes no focus'; }
    if (op === 'click') { if (isDisabled(element)) return 'disabled'; show(element); element.click(); return 'ok'; }
    return 'unknown';
  };
  try { return run(); } catch (error) { return `failed: ${String(error?.name).replace(/\W/g, '').slice(0, 40)}`; }
}
