// One phone: a persona, its chat with the account, the bars below it and the small tools around it.
import { h, icon, button, avatar, when, stamp, beijing, clock, call, fail, form, toast, download, safeURL } from './dom.js';
import { draw, plain } from './cards.js';

const OTHER = '*other*'; // stands in a list for a scene typed by hand
const GAP = 5 * 60e3; // WeChat writes the time again after five quiet minutes

export class Phone {
  constructor(app, user) {
    this.app = app;
    this.user = user;
    this.items = new Map(); // id → {item, el}
    this.last = 0; // greatest id seen: where the next reading goes on
    this.inflight = 0;
    this.unseen = 0;
    this.typing = false; // false: menu bar, true: text bar (as the keyboard icon of WeChat)
    this.build();
    this.update(user);
  }

  /* ---- building ---- */

  build() {
    const id = 'p' + this.app.phones.size;
    this.face = h('span', { class: 'face' });
    this.name = h('strong', { class: 'pname', id: id + '-name' });
    this.note = h('span', { class: 'pnote' });
    this.window = h('span', { class: 'win', data: { role: 'window' } });
    this.unfollowBtn = button('取消关注', { text: '取消关注', class: 'btn small', data: { role: 'unfollow' } }, () => this.act({ kind: 'unfollow' }));
    const strip = h('header', { class: 'persona' }, this.face,
      h('div', { class: 'who' }, h('div', { class: 'line' }, this.name, this.note), this.window),
      this.unfollowBtn, button('保存对话', { ic: 'save', class: 'btn small icon', data: { role: 'save' } }, () => this.save()));

    this.sbTime = h('span', { class: 'sbtime' });
    this.title = h('h2', {});
    this.busy = h('span', { class: 'busy', role: 'status' });
    this.log = h('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': '聊天记录', tabindex: '0', onscroll: () => this.onScroll() });
    this.pill = h('button', { type: 'button', class: 'newpill', hidden: true, onclick: () => this.toEnd(true) });
    this.sheet = h('div', { class: 'sheet', hidden: true });
    this.bar = h('footer', { class: 'bar' });
    this.screen = h('div', { class: 'screen' },
      h('div', { class: 'sbar', 'aria-hidden': 'true' }, this.sbTime, h('span', { class: 'sig' }, '5G')),
      h('div', { class: 'titlebar' }, icon('back'), h('div', { class: 'ttl' }, this.title, this.busy),
        button('账号资料', { ic: 'more', class: 'flat', data: { role: 'profile' } }, () => this.profile())),
      this.log, this.pill, this.bar, this.sheet);
    this.hints = h('div', { class: 'hints', role: 'group', 'aria-label': '可以试试' });
    this.el = h('section', { class: 'unit', id, role: 'region', 'aria-labelledby': id + '-name' }, strip,
      h('div', { class: 'phone', onfocusin: () => this.app.focus(this) }, this.screen), this.hints);
    this.el.addEventListener('pointerdown', () => this.app.focus(this));
    this.tab = h('button', { type: 'button', role: 'tab', class: 'tab', 'aria-controls': id, onclick: () => this.app.show(this) });
    this.stick = true;
    new ResizeObserver(() => { this.height = this.log.clientHeight; if (this.stick) this.toEnd(false); }).observe(this.log);
    this.buildInput();
  }

  buildInput() {
    this.input = h('textarea', {
      rows: 1, 'aria-label': '输入消息', maxlength: 4000, data: { role: 'input' }, enterkeyhint: 'send',
      oninput: () => this.grow(),
      onkeydown: (e) => { if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); this.send(); } },
      onkeypress: (e) => { if (e.key === 'Enter' && !e.shiftKey) e.preventDefault(); }, // some keyboards send the line break on its own
    });
    this.sendBtn = h('button', { type: 'button', class: 'sendbtn', data: { role: 'send' }, hidden: true, onclick: () => this.send() }, '发送');
    this.plusBtn = button('更多', { ic: 'plus', class: 'flat', 'aria-expanded': 'false', data: { role: 'plus' } }, () => this.togglePanel());
    this.panel = h('div', { class: 'panel', hidden: true, role: 'group', 'aria-label': '更多' }, [
      ['voice', 'mic', '语音', () => this.askVoice()], ['location', 'pin', '位置', () => this.askLocation()],
      ['image', 'image', '图片', () => { this.togglePanel(false); this.act({ kind: 'image' }); }],
      ['scan', 'scan', '扫一扫', () => this.askScan()], ['link', 'link', '链接', () => this.askLink()],
      ['subscribe', 'bell', '订阅弹窗', () => this.askSubscribe()],
      ['enter', 'door', '进入聊天', () => { this.togglePanel(false); this.act({ kind: 'enter' }); }],
    ].map(([role, ic, text, fn]) => h('button', { type: 'button', class: 'tile', data: { role: 'plus-' + role }, onclick: fn }, h('i', {}, icon(ic)), h('span', {}, text))));
  }

  /* ---- state from the simulator ---- */

  update(user) {
    const before = this.user;
    this.user = user;
    this.el.dataset.openid = user.openid;
    this.face.replaceChildren(avatar(user.avatar || user.name, user.color, 'mid'));
    this.name.textContent = user.name || user.openid;
    this.note.textContent = user.note || '';
    this.note.title = `${user.note || ''} ${user.openid}`;
    this.unfollowBtn.hidden = !user.following;
    const hints = JSON.stringify(user.hints || []);
    if (hints !== this.hintsText) { // a click in progress survives an update
      this.hintsText = hints;
      this.hints.replaceChildren(...(user.hints || []).map((t) => h('button', { type: 'button', class: 'hint', title: t.value, onclick: () => this.useHint(t) }, t.label)));
    }
    this.drawWindow();
    this.drawTab();
    if (!this.bar.firstChild || before.following !== user.following) this.drawBar();
  }

  setAccount() {
    this.title.textContent = this.app.account.name || '公众号';
    this.drawBar();
  }

  // tick is called every second: the phone's own clock, and the reply window that may have shut.
  tick() {
    const now = clock.now(), t = beijing(now);
    this.sbTime.textContent = t.hm;
    this.drawWindow();
    if (this.day !== t.day) {
      this.day = t.day;
      for (const el of this.log.querySelectorAll('.time')) el.textContent = when(el.dataset.at, now);
    }
  }

  drawWindow() {
    const w = this.user.window || {}, now = clock.now(), until = Date.parse(w.until);
    const open = this.user.following && w.kind && w.kind !== 'none' && (Number.isNaN(until) || until > now);
    const name = w.kind === 'tap' ? '1 分钟窗口' : '48 小时窗口';
    const text = !this.user.following ? '未关注' : open ? `${name} · 剩 ${w.left} 条` : '回复窗口已关闭';
    if (this.window.textContent !== text) this.window.textContent = text;
    this.window.className = 'win ' + (!this.user.following ? 'off' : open ? (w.left > 0 ? 'on' : 'spent') : 'shut');
    this.window.title = open && !Number.isNaN(until) ? `客服消息窗口，到 ${stamp(until)} 为止` : '客服消息窗口';
  }

  drawTab() {
    const n = this.unseen;
    for (const b of this.el.querySelectorAll('.unread')) b.remove();
    const badge = () => n > 0 && h('b', { class: 'unread', 'aria-label': `${n} 条未读` }, n > 99 ? '99+' : n);
    this.face.append(...[badge()].filter(Boolean));
    this.tab.replaceChildren(avatar(this.user.avatar || this.user.name, this.user.color, 'small'), h('span', {}, this.user.name || this.user.openid), ...[badge()].filter(Boolean));
  }

  /* ---- the chat ---- */

  // upsert draws an item, or draws it again when its status changed.
  upsert(it, quiet) {
    const old = this.items.get(it.id);
    const atEnd = this.atEnd();
    const el = draw(it, { user: { text: this.user.avatar || this.user.name, color: this.user.color }, bot: { text: this.app.account.name } },
      { msgmenu: (id, content) => this.act({ kind: 'msgmenu', id, content }), href: (url) => this.href(url) });
    this.items.set(it.id, { item: it, el });
    this.last = Math.max(this.last, it.id);
    if (old) { old.el.replaceWith(el); return; }
    this.place(it, el);
    const watching = atEnd && !this.el.hidden && document.visibilityState === 'visible' && this.app.isShown(this);
    if (it.from === 'user' || atEnd || quiet) this.toEnd(false);
    if (!quiet && it.from !== 'user' && it.kind !== 'event' && !watching) { this.unseen++; this.drawPill(); this.drawTab(); }
  }

  // href is an address as this phone opens it: WeChat's authorisation page is the simulator's, which
  // must be told whose phone it is. The page for one-time messages is reached by way of the bot and asks.
  href(url) {
    const u = new URL(url);
    if (u.pathname !== '/connect/oauth2/authorize' || (u.host !== 'open.weixin.qq.com' && u.host !== location.host)) return url;
    u.searchParams.set('openid', this.user.openid);
    return location.origin + u.pathname + u.search;
  }

  place(it, el) {
    let prev = this.log.lastElementChild;
    while (prev && !(prev.dataset.id && Number(prev.dataset.id) < it.id)) prev = prev.previousElementSibling;
    const next = prev ? prev.nextElementSibling : this.log.firstElementChild;
    const prevItem = prev && this.items.get(Number(prev.dataset.id));
    if (!prevItem || Math.abs(Date.parse(it.at) - Date.parse(prevItem.item.at)) > GAP) {
      this.log.insertBefore(h('div', { class: 'time', data: { at: it.at } }, when(it.at, clock.now())), next);
    }
    el.title = `${stamp(it.at)}${it.via ? ' · ' + it.via : ''}${it.status ? ' · ' + it.status : ''}`;
    this.log.insertBefore(el, next);
  }

  // catchUp reads what is newer than `after`. It asks from one id earlier: when that last known item is
  // not there as it was, the simulator began anew, and the chat is read from the start.
  async catchUp(first, after = this.last) {
    const read = async (id) => ((await call(`users/${encodeURIComponent(this.user.openid)}/chat?after=${id}`)) || {}).items || [];
    let items = await read(Math.max(0, after - 1));
    const known = this.items.get(after);
    if (known && !items.some((it) => it.id === after && it.at === known.item.at)) {
      this.items.clear();
      this.log.replaceChildren();
      this.last = 0;
      items = await read(0);
    }
    for (const it of items) this.upsert(it, first);
    if (first) { this.toEnd(false); this.drawTab(); }
  }

  atEnd() { return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60; }

  toEnd(smooth) { this.log.scrollTo({ top: this.log.scrollHeight, behavior: smooth ? 'smooth' : 'instant' }); }

  onScroll() {
    if (this.height === this.log.clientHeight) this.stick = this.atEnd(); // else the log was resized, not scrolled
    if (this.unseen && this.atEnd() && this.app.isShown(this)) this.seen();
  }

  seen() { this.unseen = 0; this.drawPill(); this.drawTab(); }

  drawPill() {
    this.pill.hidden = !this.unseen || this.atEnd();
    this.pill.textContent = `↓ ${this.unseen} 条新消息`;
  }

  save() {
    const lines = [`账号：${this.app.account.name || ''}`, `手机：${this.user.name}（${this.user.note || ''}）`, `保存时刻（虚拟时钟）：${stamp(clock.now())}`, ''];
    const who = { user: this.user.name, bot: this.app.account.name || '公众号', system: '系统' };
    for (const { item } of [...this.items.values()].sort((a, b) => a.item.id - b.item.id)) {
      const mark = /^failed/.test(item.status || '') ? `（${item.status}）` : '';
      lines.push(`${stamp(item.at)} ${who[item.from] || item.from}${item.kind === 'event' ? '（动作）' : ''}：${plain(item)}${mark}`);
    }
    download(`对话-${this.user.name}-${stamp(clock.now()).replace(/[: ]/g, '')}.txt`, lines.join('\n') + '\n');
  }

  /* ---- acting ---- */

  // act does what the person does; the simulator answers when the bot has replied or given up.
  async act(body) {
    this.inflight++;
    this.drawBusy();
    try {
      return await call(`users/${encodeURIComponent(this.user.openid)}/act`, body);
    } catch (err) {
      fail(err);
      return null;
    } finally {
      this.inflight--;
      this.drawBusy();
    }
  }

  drawBusy() {
    this.busy.textContent = this.inflight ? '正在送达…' : '';
    this.el.classList.toggle('inflight', this.inflight > 0);
  }

  send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.input.value = '';
    this.grow();
    this.act({ kind: 'text', text });
  }

  grow() {
    this.input.style.height = 'auto';
    this.input.style.height = Math.min(this.input.scrollHeight, 110) + 'px';
    const has = this.input.value.trim() !== '';
    this.sendBtn.hidden = !has;
    this.plusBtn.hidden = has;
  }

  focusInput() {
    if (!this.user.following) { const b = this.bar.querySelector('[data-role=follow]'); if (b) b.focus(); return; }
    if (!this.typing) { this.typing = true; this.drawBar(); }
    this.input.focus();
  }

  useHint(t) {
    switch (t.kind) {
      case 'voice': this.askVoice(t.value); return;
      case 'scan': this.askScan(t.value); return;
      case 'follow': this.act({ kind: 'follow', scene: t.value || '' }); return;
      case 'click': this.act({ kind: 'click', key: t.value }); return;
      case 'location': {
        const [lat, lng, label] = String(t.value || '').split(',');
        this.askLocation({ lat, lng, label });
        return;
      }
      default:
    }
    if (!this.user.following) { toast('先关注公众号，再发消息。'); return; }
    this.input.value = t.value;
    this.focusInput();
    this.grow();
  }

  /* ---- the bar: follow panel, menu bar or text bar ---- */

  drawBar() {
    this.popup = null;
    const menu = (this.app.menu && this.app.menu.button) || [];
    this.bar.className = 'bar';
    if (!this.user.following) { this.bar.replaceChildren(this.followPanel()); return; }
    if (menu.length && !this.typing) {
      this.bar.replaceChildren(h('div', { class: 'menubar' },
        button('切换到键盘', { ic: 'keyboard', class: 'flat toggle', data: { role: 'menu-toggle' } }, () => { this.typing = true; this.drawBar(); this.input.focus(); }),
        menu.map((b, i) => this.menuButton(b, i, menu.length))));
      return;
    }
    this.bar.replaceChildren(h('div', { class: 'textbar' },
      menu.length > 0 && button('切换到菜单', { ic: 'menu', class: 'flat toggle', data: { role: 'menu-toggle' } }, () => { this.typing = false; this.panel.hidden = true; this.drawBar(); }),
      button('语音', { ic: 'mic', class: 'flat', data: { role: 'voice' } }, () => this.askVoice()),
      this.input, this.sendBtn, this.plusBtn), this.panel);
    this.grow();
  }

  followPanel() {
    const scenes = this.app.scenes || [];
    const other = h('input', { type: 'text', placeholder: '输入场景值', 'aria-label': '二维码场景值', maxlength: 64, hidden: true, data: { role: 'scene-text' } });
    const pick = h('select', { 'aria-label': '从哪里关注', data: { role: 'scene' }, onchange: () => { other.hidden = pick.value !== OTHER; if (!other.hidden) other.focus(); } },
      h('option', { value: '' }, '搜索公众号关注'), scenes.map((s) => h('option', { value: s.scene }, '扫码：' + (s.label || s.scene))), h('option', { value: OTHER }, '扫码：其他场景值…'));
    return h('div', { class: 'followbar' }, avatar(this.app.account.name, '', 'big'), h('strong', {}, this.app.account.name || '公众号'),
      h('span', { class: 'desc' }, this.app.account.type === 'subscription' ? '订阅号' : '服务号'), pick, other,
      h('button', { type: 'button', class: 'btn main wide', data: { role: 'follow' }, onclick: () => this.act({ kind: 'follow', scene: pick.value === OTHER ? other.value.trim() : pick.value }) }, '关注公众号'));
  }

  menuButton(b, i, n) {
    const subs = b.sub_button && b.sub_button.list ? b.sub_button.list : b.sub_button || [];
    const cell = h('div', { class: 'mcell' });
    const data = { role: 'menu-button', key: b.key || b.url || b.name };
    if (!subs.length) {
      cell.append(h('button', { type: 'button', class: 'mbtn', data, onclick: () => this.tap(b) }, b.name));
      return cell;
    }
    const pop = h('div', { class: `mpop at${n === 1 ? 'all' : i === 0 ? 'first' : i === n - 1 ? 'last' : 'mid'}`, role: 'menu', 'aria-label': b.name, hidden: true },
      subs.map((s) => h('button', { type: 'button', role: 'menuitem', data: { role: 'menu-item', key: s.key || s.url || s.name }, onclick: () => { this.closePopup(); this.tap(s); } }, s.name)));
    const top = h('button', { type: 'button', class: 'mbtn', 'aria-haspopup': 'menu', 'aria-expanded': 'false', data, onclick: () => this.openPopup(top, pop) }, icon('menu'), h('span', {}, b.name));
    cell.addEventListener('keydown', (e) => this.popupKeys(e, top, pop));
    cell.append(pop, top);
    return cell;
  }

  openPopup(top, pop) {
    const was = this.popup && this.popup.pop === pop;
    this.closePopup();
    if (was) return;
    pop.hidden = false;
    top.setAttribute('aria-expanded', 'true');
    this.popup = { top, pop };
  }

  closePopup() {
    if (!this.popup) return;
    this.popup.pop.hidden = true;
    this.popup.top.setAttribute('aria-expanded', 'false');
    this.popup = null;
  }

  popupKeys(e, top, pop) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (e.key === 'Escape') { this.closePopup(); top.focus(); return; }
    if (!step) return;
    e.preventDefault();
    if (pop.hidden) this.openPopup(top, pop);
    const all = [...pop.children], at = all.indexOf(document.activeElement);
    all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length].focus();
  }

  // tap does what WeChat does for each type of menu button.
  tap(b) {
    switch (b.type) {
      case 'view': case 'miniprogram': {
        const url = safeURL(b.url);
        if (url && !/^weixin:/i.test(url)) window.open(this.href(url), '_blank', 'noopener,noreferrer');
        this.act({ kind: 'view', url: b.url });
        return;
      }
      case 'scancode_push': case 'scancode_waitmsg': this.askScanCode(b); return;
      case 'location_select': this.askLocation({}, b.key); return;
      case 'pic_sysphoto': case 'pic_photo_or_album': case 'pic_weixin': this.act({ kind: 'image' }); return;
      default: this.act({ kind: 'click', key: b.key || b.media_id || b.article_id });
    }
  }

  togglePanel(open = this.panel.hidden) {
    this.panel.hidden = !open;
    this.plusBtn.setAttribute('aria-expanded', String(open));
    if (open) this.toEnd(false);
  }

  /* ---- sheets that slide up inside the phone ---- */

  ask(spec) {
    const back = document.activeElement;
    const close = () => { this.sheet.hidden = true; this.sheet.replaceChildren(); if (back && back.isConnected) back.focus({ preventScroll: true }); };
    if (!this.user.following && !spec.anyone) { toast('先关注公众号。'); return; }
    this.togglePanel(false);
    const body = spec.el ? spec.el(close) : form({ ...spec, oncancel: close, onok: (v) => { close(); this.act(spec.make(v)); } });
    this.sheet.replaceChildren(h('div', { class: 'veil', onclick: close }), h('div', { class: 'pane', role: 'dialog', 'aria-label': spec.title }, body));
    this.sheet.hidden = false;
    const first = this.sheet.querySelector('input,textarea,select,.btn');
    if (first) first.focus({ preventScroll: true });
  }

  askVoice(text) {
    this.ask({
      title: '发一段语音', note: '写下微信会识别出来的文字；留空表示没有识别结果。',
      fields: [{ name: 'recognition', label: '识别文字', rows: 3, value: text, placeholder: '例如：我选择B' }],
      make: (v) => ({ kind: 'voice', recognition: v.recognition.trim() }),
    });
  }

  askLocation(at = {}, key) {
    this.ask({
      title: key ? '选择位置（菜单）' : '发送位置', fields: [
        { name: 'label', label: '地点', value: at.label || '新村村民委员会', required: true },
        { name: 'lat', label: '纬度', type: 'number', step: 'any', min: -90, max: 90, value: at.lat || '25.0389', half: true, required: true },
        { name: 'lng', label: '经度', type: 'number', step: 'any', min: -180, max: 180, value: at.lng || '102.7183', half: true, required: true },
      ],
      make: (v) => ({ kind: key ? 'locationSelect' : 'location', key, lat: Number(v.lat), lng: Number(v.lng), label: v.label.trim() }),
    });
  }

  askScan(scene) {
    const scenes = this.app.scenes || [];
    const known = scenes.some((s) => s.scene === scene);
    this.ask({
      title: '扫一扫', note: '扫公众号的带参数二维码。没有关注的人扫码后会先关注。', anyone: true, ok: '扫码',
      fields: [
        { name: 'pick', label: '二维码', options: [...scenes.map((s) => [s.scene, s.label || s.scene]), ['', '其他场景值…']], value: known ? scene : scene || !scenes.length ? '' : scenes[0].scene },
        { name: 'text', label: '场景值，或二维码里的网址', value: known ? '' : scene, placeholder: '例如 class-7', when: (v) => v.pick === '' },
      ],
      make: (v) => {
        const code = (v.pick || v.text).trim(), ticket = /weixin\.qq\.com\/q\/([^/?#]+)/.exec(code);
        return ticket ? { kind: 'scan', ticket: ticket[1] } : { kind: 'scan', scene: code };
      },
    });
  }

  askScanCode(b) {
    this.ask({
      title: b.name, note: b.type === 'scancode_waitmsg' ? '扫码后等公众号回话。' : '扫码后直接打开结果。', ok: '扫码',
      fields: [{ name: 'result', label: '扫到的内容', required: true, value: ((this.app.scenes || [])[0] || {}).scene }],
      make: (v) => ({ kind: 'scancode', key: b.key, result: v.result, wait: b.type === 'scancode_waitmsg' }),
    });
  }

  askLink() {
    this.ask({
      title: '转发一个链接', fields: [
        { name: 'title', label: '标题', required: true, value: '云南省农业农村厅' }, { name: 'description', label: '摘要', value: '' },
        { name: 'url', label: '网址', type: 'url', required: true, value: 'https://nync.yn.gov.cn/' },
      ],
      make: (v) => ({ kind: 'link', ...v }),
    });
  }

  askSubscribe() {
    this.ask({
      title: '订阅通知弹窗', note: '相当于本人在网页或文章里点了订阅按钮。', ok: '确定', fields: [
        { name: 'templateId', label: '模板编号', required: true, placeholder: '订阅通知模板的 ID' },
        { name: 'accept', label: '选择', options: [['once', '允许一次'], ['always', '允许并一直保持（长期订阅）'], ['', '不允许']] },
      ],
      make: (v) => ({ kind: 'subscribe', templateId: v.templateId.trim(), accept: v.accept !== '', longTerm: v.accept === 'always' }),
    });
  }

  profile() {
    const a = this.app.account;
    this.ask({
      title: '账号资料', anyone: true,
      el: (close) => h('div', { class: 'form profile', onkeydown: (e) => { if (e.key === 'Escape') close(); } },
        h('div', { class: 'prow' }, avatar(a.name, '', 'big'), h('div', {}, h('strong', {}, a.name || '公众号'), h('span', { class: 'desc' }, a.originalId || ''))),
        h('dl', {}, h('div', {}, h('dt', {}, '本机 openid'), h('dd', {}, this.user.openid)), h('div', {}, h('dt', {}, '状态'), h('dd', {}, this.user.following ? '已关注' : '未关注'))),
        h('div', { class: 'form-end' },
          this.user.following && h('button', { type: 'button', class: 'btn', onclick: () => { close(); this.act({ kind: 'unfollow' }); } }, '取消关注'),
          h('button', { type: 'button', class: 'btn main', onclick: close }, '返回'))),
    });
  }
}
