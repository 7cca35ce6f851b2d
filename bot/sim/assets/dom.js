// Small helpers that every part of the page shares: elements, icons, time, forms, the network.
// Nothing here ever parses markup: text becomes text nodes, so what a bot says cannot become code.

const SVG = 'http://www.w3.org/2000/svg';

// h makes one element. `on…` props are listeners, `data` fills the dataset, null and false are left out.
export function h(tag, props = {}, ...kids) {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith('on')) el.addEventListener(k.slice(2), v);
    else if (k === 'class') el.className = v;
    else if (k === 'data') for (const [d, x] of Object.entries(v)) { if (x !== undefined && x !== null) el.dataset[d] = x; }
    else if (k === 'value') el.value = v;
    else el.setAttribute(k, v === true ? '' : v);
  }
  el.append(...kids.flat(3).filter((c) => c !== undefined && c !== null && c !== false && c !== ''));
  return el;
}

const PATHS = {
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  keyboard: 'M3 6h18v12H3zM7 10h.01M10.5 10h.01M14 10h.01M17 10h.01M8 14h8',
  menu: 'M4 7h16M4 12h16M4 17h16',
  voice: 'M6 9.5a5 5 0 010 5M10 7a9 9 0 010 10M14 4.5a13 13 0 010 15',
  mic: 'M12 3a3 3 0 013 3v5a3 3 0 01-6 0V6a3 3 0 013-3zM6 11a6 6 0 0012 0M12 17v4',
  plus: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 8v8M8 12h8',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01',
  pin: 'M12 21s7-6.2 7-11a7 7 0 10-14 0c0 4.8 7 11 7 11zM12 12.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5z',
  scan: 'M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 12h16',
  link: 'M10 14a4 4 0 006 0l3-3a4 4 0 00-6-6l-1 1M14 10a4 4 0 00-6 0l-3 3a4 4 0 006 6l1-1',
  bell: 'M6 16V11a6 6 0 0112 0v5l2 2H4zM10 21h4',
  door: 'M14 4h5v16h-5M4 12h10M10 8l4 4-4 4',
  save: 'M12 4v11M7.5 10.5L12 15l4.5-4.5M5 20h14',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  user: 'M12 12a4 4 0 100-8 4 4 0 000 8zM4 21a8 8 0 0112-7M19 15v6M16 18h6',
  wire: 'M4 8h14l-3-3M20 16H6l3 3',
  x: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  side: 'M3 5h18v14H3zM15 5v14',
  down: 'M3 5h18v14H3zM3 14h18',
  play: 'M8 5l11 7-11 7z',
  clock: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 7v5l3 3',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'i i-' + name);
  const p = document.createElementNS(SVG, 'path');
  p.setAttribute('d', PATHS[name]);
  svg.append(p);
  return svg;
}

// button makes an icon button, a text button, or both; `label` is always there for screen readers.
export function button(label, { ic, text, ...props } = {}, onclick) {
  return h('button', { type: 'button', 'aria-label': text === label ? null : label, title: text ? props.title : label, onclick, ...props },
    ic && icon(ic), text && h('span', {}, text));
}

export function avatar(text, color, cls = '') {
  const el = h('span', { class: 'avatar ' + cls, 'aria-hidden': 'true' }, Array.from(text || '?').slice(0, 2).join(''));
  if (/^#[0-9a-f]{3,8}$/i.test(color || '')) el.style.setProperty('--c', color);
  return el;
}

/* ---- time: everything on the page is Beijing time (UTC+8, no summer time) ---- */

const WEEK = '日一二三四五六';
const pad = (n) => String(n).padStart(2, '0');

export function beijing(at) {
  const d = new Date((at instanceof Date ? at.getTime() : typeof at === 'number' ? at : Date.parse(at)) + 8 * 3600e3);
  return {
    y: d.getUTCFullYear(), m: d.getUTCMonth() + 1, d: d.getUTCDate(), day: Math.floor(d.getTime() / 864e5),
    hm: pad(d.getUTCHours()) + ':' + pad(d.getUTCMinutes()), s: pad(d.getUTCSeconds()),
    ms: String(d.getUTCMilliseconds()).padStart(3, '0'), week: WEEK[d.getUTCDay()],
  };
}

// when writes a moment as a chat does: today the hour, then 昨天, the weekday, the date.
export function when(at, now) {
  const a = beijing(at), n = beijing(now), gap = n.day - a.day;
  if (gap === 0) return a.hm;
  if (gap === 1) return '昨天 ' + a.hm;
  if (gap === -1) return '明天 ' + a.hm;
  if (gap > 1 && gap < 7) return '星期' + a.week + ' ' + a.hm;
  return (a.y === n.y ? '' : a.y + '年') + a.m + '月' + a.d + '日 ' + a.hm;
}

export function stamp(at) {
  const a = beijing(at);
  return `${a.y}-${pad(a.m)}-${pad(a.d)} ${a.hm}:${a.s}`;
}

// clock follows the platform's virtual clock, which runs at real speed with an offset.
export const clock = {
  offset: 0,
  now() { return Date.now() + this.offset; },
  // set takes the platform's word. Most of its words have whole seconds, so less than that is no news.
  set(iso) {
    const off = Date.parse(iso) - Date.now();
    if (Math.abs(off - this.offset) > 1200 || (/\.\d{3}/.test(iso) && !Number.isNaN(off))) this.offset = off;
  },
};

/* ---- network ---- */

export async function call(path, body, method) {
  const res = await fetch(new URL('api/' + path, document.baseURI), {
    method: method || (body === undefined ? 'GET' : 'POST'),
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
  });
  const text = await res.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch { /* a plain text answer */ }
  if (!res.ok) {
    const why = value && (value.error || value.message) ? (value.error.message || value.error || value.message) : text;
    throw new Error(String(why || '模拟器答复 ' + res.status).slice(0, 300));
  }
  return value;
}

export function toast(text, bad) {
  const box = document.getElementById('toasts');
  const el = h('p', { class: bad ? 'toast bad' : 'toast' }, text);
  box.append(el);
  while (box.children.length > 4) box.firstChild.remove();
  setTimeout(() => el.remove(), bad ? 8000 : 3500);
}

export const fail = (err) => toast(err && err.message === 'Failed to fetch' ? '连不上模拟器，请看它是否还在运行。' : String((err && err.message) || err), true);

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Clipboard API needs a secure origin; a page on a plain-http LAN address falls back to a selection.
    const t = h('textarea', { class: 'offscreen', 'aria-hidden': 'true' });
    t.value = text;
    document.body.append(t);
    t.select();
    document.execCommand('copy');
    t.remove();
  }
  toast('已复制');
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  const a = h('a', { href: url, download: name });
  document.body.append(a);
  a.click();
  a.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// safeURL lets through what a chat may open; anything else (javascript:, data:, …) is no link at all.
export function safeURL(s) {
  const url = String(s || '').trim();
  return /^(https?|weixin):\/\//i.test(url) && URL.canParse(url) ? url : '';
}

/* ---- forms: one builder for the sheets inside a phone and for the page's dialog ---- */

let serial = 0;

export function form({ title, note, fields = [], ok = '发送', danger, onok, oncancel }) {
  const inputs = {};
  const rows = fields.map((f) => {
    const id = 'f' + ++serial;
    let el;
    if (f.options) {
      el = h('select', { id, name: f.name });
      const fill = (list) => { el.replaceChildren(...list.map(([v, label]) => h('option', { value: v }, label))); };
      if (typeof f.options === 'function') { // the choice depends on another field
        queueMicrotask(() => {
          fill(f.options(values()));
          inputs[f.of].addEventListener('input', () => fill(f.options(values())));
        });
      } else fill(f.options);
      if (f.value !== undefined) el.value = f.value;
    } else {
      el = h(f.rows ? 'textarea' : 'input', {
        id, name: f.name, rows: f.rows, type: f.rows ? null : f.type || 'text', value: f.value, placeholder: f.placeholder,
        required: f.required, step: f.step, min: f.min, max: f.max, inputmode: f.inputmode, autocomplete: 'off',
      });
    }
    inputs[f.name] = el;
    const row = h('div', { class: 'field' + (f.half ? ' half' : '') }, h('label', { for: id }, f.label), el);
    if (f.when) {
      const sync = () => { row.hidden = !f.when(values()); };
      queueMicrotask(() => { sync(); root.addEventListener('input', sync); });
    }
    return row;
  });
  const values = () => Object.fromEntries(Object.entries(inputs).map(([k, el]) => [k, el.value]));
  const root = h('form', {
    class: 'form', onsubmit: (e) => { e.preventDefault(); onok(values()); },
    onkeydown: (e) => { if (e.key === 'Escape') { e.preventDefault(); e.stopPropagation(); oncancel(); } },
  },
  h('h3', {}, title), note && h('p', { class: 'form-note' }, note), h('div', { class: 'fields' }, rows),
  h('div', { class: 'form-end' },
    h('button', { type: 'button', class: 'btn', onclick: () => oncancel() }, '取消'),
    h('button', { type: 'submit', class: danger ? 'btn danger' : 'btn main', data: { role: 'form-ok' } }, ok)));
  return root;
}

// modal shows one form (or any element) in the page's dialog and resolves when it is closed.
export function modal(build) {
  const box = document.getElementById('modal');
  const close = () => box.close();
  box.replaceChildren(build(close));
  if (!box.open) box.showModal();
}
