// The wire panel: every push to the bot and every API call of the bot, as they really went.
import { h, icon, button, avatar, beijing, stamp, call, copy, fail } from './dom.js';
import { pretty } from './pretty.js';

const KEEP = 600; // entries kept in the browser; the simulator's own log is the full record

const API = {
  '/cgi-bin/message/custom/send': '客服消息', '/cgi-bin/message/custom/typing': '正在输入', '/cgi-bin/message/template/send': '模板消息',
  '/cgi-bin/message/subscribe/bizsend': '订阅通知', '/cgi-bin/message/template/subscribe': '一次性订阅', '/cgi-bin/message/mass/sendall': '群发',
  '/cgi-bin/message/mass/send': '按名单群发', '/cgi-bin/stable_token': '取令牌', '/cgi-bin/token': '取令牌', '/cgi-bin/menu/create': '建菜单',
  '/cgi-bin/user/info': '用户信息', '/cgi-bin/user/get': '粉丝列表', '/cgi-bin/qrcode/create': '建二维码', '/cgi-bin/media/upload': '传素材',
  '/cgi-bin/ticket/getticket': '网页票据', '/sns/oauth2/access_token': '网页授权',
};

const PARAMS = {
  signature: '签名：只保护 token、timestamp、nonce', msg_signature: '消息签名：连密文一起保护', timestamp: '时间', nonce: '随机数',
  encrypt_type: '加密方式', openid: '谁发的', echostr: '握手串', access_token: '令牌（中间已遮住）',
};

const element = (xml, name) => {
  const m = new RegExp(`<${name}>(?:<!\\[CDATA\\[([\\s\\S]*?)\\]\\]>|([^<]*))</${name}>`).exec(xml || '');
  return m ? m[1] || m[2] || '' : '';
};

const path = (url) => String(url || '').replace(/^https?:\/\/[^/]+/, '').split('?')[0];

// summary says in a few words what an exchange was about.
export function summary(w) {
  if (w.dir === 'api') {
    const p = path(w.url);
    return [API[p] || '接口', p];
  }
  if (w.method === 'GET') return ['握手', path(w.url)];
  const x = w.requestPlain, kind = element(x, 'MsgType');
  if (kind === 'event') return [element(x, 'Event') || '事件', element(x, 'EventKey') || element(x, 'Status')];
  return [{ text: '文字', voice: '语音', image: '图片', location: '位置', link: '链接', video: '视频' }[kind] || kind || '推送',
    element(x, 'Content') || element(x, 'Recognition') || element(x, 'Label') || element(x, 'Title')];
}

// 46003 is how the platform says that an account has no menu yet: an answer, not a failure.
const isBad = (w) => !(w.status >= 200 && w.status < 300) || ((w.errcode || 0) !== 0 && w.errcode !== 46003);

export class Wire {
  constructor(app, el) {
    this.app = app;
    this.el = el;
    this.items = new Map();
    this.last = 0;
    this.open = null;
    this.build();
  }

  build() {
    const draw = () => this.redraw();
    this.who = h('select', { 'aria-label': '只看哪部手机', data: { role: 'wire-phone' }, onchange: draw }, h('option', { value: '' }, '全部手机'));
    this.kind = h('select', { 'aria-label': '只看哪一类', data: { role: 'wire-kind' }, onchange: draw },
      [['', '推送和接口'], ['push', '只看推送'], ['api', '只看接口'], ['bad', '只看出错的']].map(([v, t]) => h('option', { value: v }, t)));
    this.find = h('input', { type: 'search', placeholder: '查找…', 'aria-label': '在线路中查找', oninput: draw });
    this.count = h('span', { class: 'count', role: 'status' });
    this.list = h('div', { class: 'wlist', role: 'group', 'aria-label': '往来清单', onkeydown: (e) => this.keys(e) });
    this.detail = h('div', { class: 'wdetail', tabindex: '0', role: 'region', 'aria-label': '往来详情' });
    this.sideBtn = button('换到右侧', { ic: 'side', class: 'dbtn desk' }, () => this.app.dockTo(document.body.dataset.dock === 'right' ? 'bottom' : 'right'));
    const grip = h('div', { class: 'grip', role: 'separator', tabindex: '0', 'aria-label': '线路面板的大小', onpointerdown: (e) => this.drag(e), onkeydown: (e) => this.nudge(e) });
    this.el.append(grip, h('div', { class: 'whead' }, h('h2', {}, icon('wire'), '线路'), this.who, this.kind, this.find, this.count,
      h('span', { class: 'gap' }), button('清空清单', { text: '清空', class: 'dbtn' }, () => { this.floor = this.last; this.items.clear(); this.open = null; this.redraw(); }),
      this.sideBtn, button('收起线路面板', { ic: 'x', class: 'dbtn' }, () => this.app.toggleDock(false))),
    h('div', { class: 'wbody' }, this.list, this.detail));
    this.redraw();
  }

  setPhones(users) {
    const names = users.map((u) => u.openid + u.name).join();
    if (names === this.names) return; // an open list stays open
    this.names = names;
    const keep = this.who.value;
    this.who.replaceChildren(h('option', { value: '' }, '全部手机'), ...users.map((u) => h('option', { value: u.openid }, u.name || u.openid)));
    this.who.value = keep;
  }

  // catchUp is the same as a phone's: from one id earlier, and all again when the simulator began anew.
  async catchUp(after) {
    const read = async (id) => ((await call('wire?after=' + id)) || {}).items || [];
    try {
      let items = await read(Math.max(0, after - 1));
      const known = this.items.get(after);
      if (known && !items.some((w) => w.id === after && w.at === known.at)) {
        this.items.clear();
        this.last = this.floor = 0;
        items = await read(0);
      }
      for (const w of items) this.add(w, true);
      this.redraw();
    } catch (err) { fail(err); }
  }

  add(w, quiet) {
    if (w.id <= (this.floor || 0)) return;
    this.items.set(w.id, w);
    this.last = Math.max(this.last, w.id);
    if (this.items.size > KEEP) {
      const oldest = Math.min(...this.items.keys());
      this.items.delete(oldest);
      const gone = this.list.querySelector(`[data-id="${oldest}"]`);
      if (gone) gone.remove();
    }
    if (quiet) return;
    const old = this.list.querySelector(`[data-id="${w.id}"]`);
    if (old) old.replaceWith(this.row(w));
    else if (this.shows(w)) {
      const end = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
      this.list.querySelector('.wempty')?.remove();
      this.list.append(this.row(w));
      if (end) this.list.scrollTop = this.list.scrollHeight;
    }
    this.drawCount();
    if (this.open === w.id) this.show(w.id);
  }

  shows(w) {
    if (this.who.value && w.openid !== this.who.value) return false;
    const k = this.kind.value;
    if (k === 'bad' ? !isBad(w) : k && w.dir !== k) return false;
    const q = this.find.value.trim().toLowerCase();
    return !q || [w.url, w.requestPlain, w.responsePlain, w.requestRaw, w.responseRaw, w.note, w.errcode].some((t) => String(t ?? '').toLowerCase().includes(q));
  }

  redraw() {
    const rows = [...this.items.values()].sort((a, b) => a.id - b.id).filter((w) => this.shows(w)).map((w) => this.row(w));
    this.list.replaceChildren(...(rows.length ? rows : [h('p', { class: 'wempty' }, this.items.size ? '没有符合条件的往来。' : '还没有往来。在手机上点一下、写一句，这里就会出现真实的请求和答复。')]));
    this.list.scrollTop = this.list.scrollHeight;
    this.drawCount();
    this.show(this.items.has(this.open) ? this.open : null);
  }

  drawCount() {
    const bad = [...this.items.values()].filter(isBad).length;
    this.count.textContent = `${this.items.size} 次往来` + (bad ? `，${bad} 次出错` : '');
  }

  row(w) {
    const u = this.app.users.get(w.openid), t = beijing(w.at), [what, more] = summary(w), push = w.dir !== 'api';
    const status = w.status ? String(w.status) : '无答复';
    const code = w.errcode !== undefined && w.errcode !== null && (w.errcode !== 0 || !push) ? String(w.errcode) : '';
    return h('button', {
      type: 'button', class: 'wrow' + (isBad(w) ? ' bad' : '') + (this.open === w.id ? ' open' : ''), 'aria-expanded': String(this.open === w.id),
      data: { role: 'wire-item', id: w.id, dir: w.dir, who: w.openid, status: w.status, errcode: w.errcode }, onclick: () => this.show(w.id, true),
    },
    h('span', { class: 'wt' }, `${t.hm}:${t.s}`), h('span', { class: 'wd ' + (push ? 'push' : 'api') }, push ? '推送 →' : '← 接口'),
    u ? avatar(u.avatar || u.name, u.color, 'mini') : h('span', { class: 'avatar mini none' }),
    h('span', { class: 'ws' }, h('b', {}, what), ' ', more), h('span', { class: 'wn' }, [w.attempt > 1 && `第 ${w.attempt} 次`, w.note].filter(Boolean).join(' · ')),
    h('span', { class: 'wst ' + (w.status >= 200 && w.status < 300 ? 'ok' : 'no') }, status),
    h('span', { class: 'wc ' + (w.errcode ? 'no' : 'ok') }, code), h('span', { class: 'wms' + (w.ms > 1000 ? ' slow' : '') }, `${Math.round(w.ms || 0)} ms`));
  }

  keys(e) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    const all = [...this.list.querySelectorAll('.wrow')], at = all.indexOf(document.activeElement);
    const to = all[Math.max(0, Math.min(all.length - 1, at + step))];
    if (to) { e.preventDefault(); to.focus(); this.show(Number(to.dataset.id)); }
  }

  // show opens one exchange in the right half (on a phone: over the list).
  show(id, jump) {
    for (const r of this.list.querySelectorAll('.wrow.open')) { r.classList.remove('open'); r.setAttribute('aria-expanded', 'false'); }
    this.open = id;
    const w = this.items.get(id);
    this.el.classList.toggle('showing', !!w);
    if (!w) {
      this.detail.replaceChildren(h('p', { class: 'wempty' }, '点一行，看签名网址、密文、解密后的内容和答复。快捷键：Alt+1 到 Alt+9 换手机，Alt+W 收起或打开线路。'));
      return;
    }
    const row = this.list.querySelector(`[data-id="${id}"]`);
    if (row) { row.classList.add('open'); row.setAttribute('aria-expanded', 'true'); row.scrollIntoView({ block: 'nearest' }); }
    const push = w.dir !== 'api', u = this.app.users.get(w.openid), [what] = summary(w);
    const same = (a, b) => (a || '').trim() === (b || '').trim();
    this.detail.replaceChildren(
      h('div', { class: 'dhead' }, button('返回清单', { ic: 'back', class: 'dbtn phoneonly' }, () => this.show(null)),
        h('h3', {}, `${push ? '推送' : '接口'} · ${what}`), h('span', { class: 'wst ' + (isBad(w) ? 'no' : 'ok') }, w.status ? `HTTP ${w.status}` : '没有答复'),
        w.errcode ? h('span', { class: 'wst no' }, `errcode ${w.errcode}`) : null),
      h('p', { class: 'dmeta' }, [`#${w.id}`, stamp(w.at), u && u.name, w.openid, `${Math.round(w.ms || 0)} ms`, w.attempt > 1 && `第 ${w.attempt} 次推送`, w.note].filter(Boolean).join('  ·  ')),
      this.address(w),
      this.block(push ? '请求原文' + (/<Encrypt>/.test(w.requestRaw || '') ? '（密文）' : '') : '请求 JSON', w.requestRaw, push ? 'raw' : ''),
      push && !same(w.requestRaw, w.requestPlain) && this.block('请求解密后', w.requestPlain),
      this.block(push ? '答复原文' : '答复 JSON', w.responseRaw, push && /<Encrypt>/.test(w.responseRaw || '') ? 'raw' : ''),
      !same(w.responseRaw, w.responsePlain) && this.block('答复解密后', w.responsePlain));
    if (jump && matchMedia('(max-width:760px)').matches) this.detail.focus();
    this.detail.scrollTop = 0;
  }

  address(w) {
    const q = new URLSearchParams(String(w.url || '').split('?')[1] || '');
    const rows = [...q].map(([k, v]) => {
      const note = k === 'timestamp' && /^\d{10}$/.test(v) ? '时间：' + stamp(Number(v) * 1000) : PARAMS[k];
      return h('tr', {}, h('th', { scope: 'row' }, k), h('td', {}, v), h('td', { class: 'dim' }, note || ''));
    });
    return this.section(w.dir === 'api' ? '网址' : '签名网址', `${w.method || ''} ${w.url || ''}`.trim(), [h('code', { class: 'url' }, `${w.method || ''} ${w.url || ''}`),
      rows.length > 0 && h('table', {}, h('tbody', {}, rows))]);
  }

  block(title, text, cls = '') {
    if (!text) return null;
    return this.section(title, text, h('pre', { class: cls }, h('code', {}, pretty(text))));
  }

  section(title, text, body) {
    return h('section', { class: 'dsec' }, h('h4', {}, title, button(`复制${title}`, { ic: 'copy', class: 'dbtn' }, () => copy(text))), body);
  }

  /* ---- size of the panel ---- */

  size(px) {
    const right = document.body.dataset.dock === 'right', room = right ? innerWidth : innerHeight;
    const v = Math.round(Math.max(right ? 320 : 120, Math.min(room * 0.7, px)));
    document.body.style.setProperty(right ? '--dockw' : '--dockh', v + 'px');
  }

  drag(e) {
    e.preventDefault();
    const right = document.body.dataset.dock === 'right';
    const move = (m) => this.size(right ? innerWidth - m.clientX : innerHeight - m.clientY);
    const up = () => { removeEventListener('pointermove', move); removeEventListener('pointerup', up); };
    addEventListener('pointermove', move);
    addEventListener('pointerup', up);
  }

  nudge(e) {
    const step = { ArrowUp: 30, ArrowLeft: 30, ArrowDown: -30, ArrowRight: -30 }[e.key];
    if (!step) return;
    e.preventDefault();
    this.size((document.body.dataset.dock === 'right' ? this.el.offsetWidth : this.el.offsetHeight) + step);
  }
}
