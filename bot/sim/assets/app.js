// The phones page: wires phones, clock, faults and the wire panel to the simulator's control API.
import { h, icon, button, beijing, clock, call, fail, toast, form, modal } from './dom.js';
import { Phone } from './phone.js';
import { Wire } from './wire.js';
import { faultDialog } from './faults.js';

const $ = (id) => document.getElementById(id);
const COLORS = ['#2f7d5b', '#b0562a', '#3a6ea5', '#86549c', '#a23b4a', '#4f6b1f', '#0f7c86', '#6b5b4b'];
const MODES = { safe: '安全模式', compat: '兼容模式', plain: '明文模式' };
const narrow = matchMedia('(max-width:760px)');

const app = {
  account: {}, menu: null, scenes: [], phones: new Map(), users: new Map(), current: null, state: {},

  isShown(phone) { return !narrow.matches || this.current === phone; },

  focus(phone) {
    if (this.current !== phone) this.show(phone);
    if (phone.unseen && phone.atEnd()) phone.seen();
  },

  // show makes one phone the current one: the only one on a small screen, the marked one on a desk.
  show(phone) {
    this.current = phone;
    for (const p of this.phones.values()) {
      p.el.classList.toggle('current', p === phone);
      p.tab.setAttribute('aria-selected', String(p === phone));
    }
    if (narrow.matches) { phone.toEnd(false); phone.seen(); }
  },

  dockTo(side) {
    document.body.dataset.dock = side;
    this.wire.sideBtn.title = side === 'right' ? '换到下方' : '换到右侧';
    this.wire.sideBtn.setAttribute('aria-label', this.wire.sideBtn.title);
    this.wire.sideBtn.replaceChildren(icon(side === 'right' ? 'down' : 'side'));
    remember('dock', side);
  },

  toggleDock(open = $('dock').hidden) {
    $('dock').hidden = !open;
    $('btn-wire').setAttribute('aria-expanded', String(open));
    remember('wire', open ? '1' : '0');
  },
};

function remember(key, value) { try { localStorage.setItem('sim-' + key, value); } catch { /* private window */ } }
function recall(key) { try { return localStorage.getItem('sim-' + key); } catch { return null; } }

/* ---- state ---- */

function applyUsers(users) {
  const fresh = [];
  for (const u of users) {
    app.users.set(u.openid, u);
    const known = app.phones.get(u.openid);
    if (known) { known.update(u); continue; }
    const phone = new Phone(app, u);
    app.phones.set(u.openid, phone);
    phone.setAccount();
    $('stage').append(phone.el);
    $('tabs').append(phone.tab);
    fresh.push(phone.catchUp(true).catch(fail));
  }
  if (users.length && !app.current) app.show(app.phones.values().next().value);
  app.wire.setPhones([...app.users.values()]);
  return Promise.all(fresh);
}

async function loadState() {
  const s = await call('state');
  app.state = s;
  clock.set(s.now);
  app.scenes = s.scenes || [];
  const menu = JSON.stringify(s.menu || null), account = JSON.stringify(s.account || {});
  if (menu !== app.menuText || account !== app.accountText) {
    Object.assign(app, { menuText: menu, accountText: account, menu: s.menu, account: s.account || {} });
    drawAccount();
    for (const p of app.phones.values()) p.setAccount();
  }
  await applyUsers(s.users || []);
  tick();
}

let soon = 0;
function stateSoon() {
  if (soon) return;
  soon = setTimeout(() => { soon = 0; loadState().catch(() => {}); }, 300);
}

function drawAccount() {
  const a = app.account;
  document.title = `${a.name || '公众号'} · 公众号模拟器`;
  $('account').textContent = a.name || '公众号模拟器';
  $('account-sub').textContent = `公众号模拟器 · ${a.type === 'subscription' ? '订阅号' : '服务号'} · ${a.appid || ''}`;
  $('logo').textContent = Array.from(a.name || '公众号').slice(0, 2).join('');
  const mode = $('chip-mode');
  mode.textContent = MODES[app.state.mode] || app.state.mode || '';
  mode.hidden = !mode.textContent;
}

let lastPush = null;
function drawHook() {
  const el = $('chip-hook'), until = Date.parse(app.state.blackoutUntil || ''), left = Math.ceil((until - clock.now()) / 1000);
  el.hidden = !app.state.webhook;
  el.title = app.state.webhook || '';
  if (left > 0) { el.className = 'chip bad'; el.textContent = `推送暂停，还剩 ${left} 秒`; return; }
  if (!lastPush) { el.className = 'chip'; el.textContent = '回调 ' + String(app.state.webhook || '').replace(/^https?:\/\//, ''); return; }
  const ok = lastPush.status >= 200 && lastPush.status < 300;
  el.className = ok ? 'chip good' : 'chip bad';
  el.textContent = ok ? `回调正常 · ${Math.round(lastPush.ms || 0)} ms` : `回调出错 · ${lastPush.status || '没有答复'}`;
}

/* ---- clock ---- */

const STEPS = [
  ['+1 分钟', { advance: '1m' }], ['+1 小时', { advance: '1h' }], ['到明天 08:00', { to: 'tomorrow 08:00' }], ['+1 周', { advance: '168h' }],
];

async function moveClock(body) {
  $('steps').classList.add('busy');
  try {
    const got = await call('clock', body);
    if (got && got.now) clock.set(got.now);
    tick();
    stateSoon();
  } catch (err) { fail(err); } finally { $('steps').classList.remove('busy'); }
}

function customClock() {
  modal((close) => form({
    title: '拨动虚拟时钟', note: '只影响模拟器和跟着它走的机器人，不影响电脑的时间。', ok: '拨动',
    fields: [
      { name: 'how', label: '方式', options: [['advance', '往前走一段'], ['to', '到某个时刻（北京时间）'], ['reset', '回到真实时间']] },
      { name: 'n', label: '走多少', type: 'number', min: 0, step: 'any', value: '2', half: true, when: (v) => v.how === 'advance' },
      { name: 'unit', label: '单位', options: [['h', '小时'], ['m', '分钟'], ['d', '天'], ['s', '秒']], half: true, when: (v) => v.how === 'advance' },
      { name: 'at', label: '时刻', type: 'datetime-local', value: new Date(clock.now() + 32 * 3600e3).toISOString().slice(0, 11) + '08:00', when: (v) => v.how === 'to' },
    ],
    oncancel: close,
    onok: (v) => {
      close();
      if (v.how === 'reset') moveClock({ reset: true });
      else if (v.how === 'to') moveClock({ to: v.at + ':00+08:00' });
      else moveClock({ advance: v.unit === 'd' ? Number(v.n) * 24 + 'h' : Number(v.n) + v.unit });
    },
  }));
}

function tick() {
  const t = beijing(clock.now());
  const text = `${t.y}年${t.m}月${t.d}日 周${t.week} ${t.hm}:${t.s}`;
  $('clock').replaceChildren(h('b', {}, `${t.hm}:${t.s}`), h('span', {}, `${t.y}年${t.m}月${t.d}日 周${t.week}`));
  $('clock').setAttribute('aria-label', '虚拟时钟 ' + text);
  $('clock').setAttribute('datetime', new Date(clock.now()).toISOString());
  for (const p of app.phones.values()) p.tick();
  drawHook();
}

/* ---- personas ---- */

function addPersona() {
  modal((close) => form({
    title: '加一部手机', ok: '加上', oncancel: close,
    fields: [
      { name: 'name', label: '姓名', required: true, placeholder: '例如：李桂花' },
      { name: 'note', label: '说明', placeholder: '例如：村文书，还没绑定' },
      { name: 'avatar', label: '头像字（1–2 字）', half: true }, { name: 'color', label: '颜色', type: 'color', value: COLORS[app.phones.size % COLORS.length], half: true },
      { name: 'hints', label: '提示语（一行一条，可不填）', rows: 2 },
      { name: 'openid', label: 'openid（可不填，自动生成）' },
    ],
    onok: async (v) => {
      close();
      const hints = v.hints.split('\n').map((s) => s.trim()).filter(Boolean).map((s) => ({ label: s.length > 10 ? s.slice(0, 10) + '…' : s, kind: 'text', value: s }));
      try {
        const u = await call('users', { name: v.name.trim(), note: v.note.trim(), avatar: v.avatar.trim() || v.name.trim().slice(-2), color: v.color, hints, openid: v.openid.trim() || undefined });
        await applyUsers([u]);
        const p = app.phones.get(u.openid);
        app.show(p);
        p.el.scrollIntoView({ inline: 'end', behavior: 'smooth' });
      } catch (err) { fail(err); }
    },
  }));
}

/* ---- the live stream ---- */

let source = null, wait = 500;

function stream() {
  source = new EventSource(new URL('api/stream', document.baseURI));
  const on = (name, fn) => source.addEventListener(name, (e) => { try { fn(JSON.parse(e.data)); } catch (err) { fail(err); } });
  source.onopen = () => { wait = 500; online(true); resync(); };
  source.onerror = () => {
    online(false);
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    source.close();
    setTimeout(stream, wait);
    wait = Math.min(wait * 2, 8000);
  };
  on('chat', ({ openid, item }) => {
    const p = app.phones.get(openid);
    if (p && item) p.upsert(item); else stateSoon();
  });
  on('wire', (w) => {
    app.wire.add(w);
    if (w.dir !== 'api') { lastPush = w; drawHook(); }
    if (/\/cgi-bin\/menu\//.test(w.url || '') || (w.dir !== 'api' && w.status !== 200)) stateSoon();
  });
  on('clock', (c) => { clock.set(c.now); tick(); });
  on('users', (u) => { applyUsers(u.users || []); });
}

function online(yes) {
  const el = $('chip-stream');
  el.className = yes ? 'chip good' : 'chip bad';
  el.textContent = yes ? '已连线' : '连线断了，正在重连…';
}

// resync reads what happened while the stream was away, by the last ids seen. They are noted before
// anything is awaited: an event of the new stream must not move them past a gap.
async function resync() {
  const marks = [...app.phones.values()].map((p) => [p, p.last]), wireMark = app.wire.last;
  try {
    await loadState();
    await Promise.all(marks.map(([p, after]) => p.catchUp(false, after)));
    await app.wire.catchUp(wireMark);
  } catch (err) { fail(err); }
}

/* ---- start ---- */

function buildTop() {
  for (const [text, body] of STEPS) {
    $('steps').append(h('button', { type: 'button', class: 'step', data: { role: 'advance', step: body.advance || body.to }, onclick: () => moveClock(body) }, text));
  }
  $('steps').append(button('自定义', { text: '自定义…', class: 'step', data: { role: 'advance', step: 'custom' } }, customClock));
  const fill = (id, ic, text, fn) => { $(id).append(icon(ic), h('span', {}, text)); $(id).setAttribute('aria-label', text); $(id).addEventListener('click', fn); };
  fill('btn-fault', 'bolt', '故障', () => faultDialog(drawFaults));
  fill('btn-add', 'user', '加手机', addPersona);
  fill('btn-wire', 'wire', '线路', () => app.toggleDock());
}

function drawFaults(n) {
  $('btn-fault').classList.toggle('armed', n > 0);
  $('btn-fault').lastElementChild.textContent = n > 0 ? `故障 ${n}` : '故障';
}

function shortcuts(e) {
  if (!e.altKey || e.ctrlKey || e.metaKey) return;
  if (e.code === 'KeyW') { e.preventDefault(); app.toggleDock(); return; }
  const m = /^Digit([1-9])$/.exec(e.code);
  const p = m && [...app.phones.values()][m[1] - 1];
  if (!p) return;
  e.preventDefault();
  app.show(p);
  p.el.scrollIntoView({ inline: 'nearest', block: 'nearest' });
  p.focusInput();
}

app.wire = new Wire(app, $('dock'));
buildTop();
app.dockTo(recall('dock') === 'right' ? 'right' : 'bottom');
app.toggleDock(narrow.matches ? false : recall('wire') !== '0');
addEventListener('keydown', shortcuts);
addEventListener('click', (e) => { if (!e.target.closest('.mcell')) for (const p of app.phones.values()) p.closePopup(); });
setInterval(tick, 1000);
setInterval(stateSoon, 20000);
stream();
