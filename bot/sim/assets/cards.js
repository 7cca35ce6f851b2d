// How one chat item looks: bubbles, cards, notices. Pure drawing: taps are handed to `on`.
import { h, icon, avatar, safeURL } from './dom.js';

const VIA = { custom: '客服消息', template: '模板消息', subscribe: '订阅通知', mass: '群发' };

// One message shows only these kinds of markup, as WeChat does: <a href> and bare addresses.
const TOKEN = /<a\s+([^>]*)>([\s\S]*?)<\/a>|(https?:\/\/[^\s<>"'，。；！？、（）《》]+)/gi;

// rich turns bot text into text nodes and links. Bare addresses are links; unknown schemes stay text.
export function rich(text, on) {
  const out = [];
  let end = 0;
  for (const m of String(text || '').matchAll(TOKEN)) {
    out.push(text.slice(end, m.index));
    end = m.index + m[0].length;
    if (m[3]) { out.push(anchor(m[3], m[3], on)); continue; }
    const href = /href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/i.exec(m[1]);
    const url = href ? (href[1] || href[2] || href[3] || '').replace(/&amp;/g, '&') : '';
    out.push(anchor(url, m[2], on));
  }
  out.push(String(text || '').slice(end));
  return out;
}

function anchor(raw, label, on) {
  const url = safeURL(raw);
  if (!url) return label;
  if (!/^weixin:/i.test(url)) return h('a', { href: on.href(url), target: '_blank', rel: 'noopener noreferrer' }, label);
  const u = new URL(url);
  if (u.host === 'bizmsgmenu' || u.pathname.replace(/\//g, '') === 'bizmsgmenu') {
    const id = u.searchParams.get('msgmenuid') || '', content = u.searchParams.get('msgmenucontent') || label;
    return menuItem({ id, content }, label, on);
  }
  return h('span', { class: 'inert', title: url }, label);
}

const menuItem = (it, label, on) => h('button', {
  type: 'button', class: 'alink', data: { role: 'msgmenu-item', id: it.id }, onclick: () => on.msgmenu(it.id, it.content),
}, label);

// picture shows an address if a browser may load it, else (or when that fails) a drawn landscape.
function picture(url, cls, alt) {
  const box = h('span', { class: 'pic ' + cls }, h('span', { class: 'hills', 'aria-hidden': 'true' }));
  if (/^(https?:\/\/|\/[^/]|data:image\/(png|jpe?g|gif|webp|svg\+xml)[;,])/i.test(url || '')) {
    const img = h('img', { alt: alt || '图片', referrerpolicy: 'no-referrer', loading: 'lazy', onerror: () => img.remove() });
    img.src = url;
    box.append(img);
  }
  return box;
}

function opener(url, on, cls, ...kids) {
  const safe = safeURL(url);
  if (!safe || /^weixin:/i.test(safe)) return h('div', { class: cls }, kids);
  return h('a', { class: cls, href: on.href(safe), target: '_blank', rel: 'noopener noreferrer' }, kids);
}

// Kinds that have no drawing of their own.
const NAMES = { music: '[音乐]', mpnewsarticle: '[公众号文章]', miniprogrampage: '[小程序卡片]', wxcard: '[卡券]', transfer_customer_service: '[已转给人工客服]' };

const KINDS = {
  text: (it, on) => h('div', { class: 'bub' }, it.from === 'bot' && it.text ? rich(it.text, on) : it.text || NAMES[it.kind] || `[${it.kind}]`),
  link: (it, on) => {
    const a = (it.articles && it.articles[0]) || { title: it.text, url: it.url };
    return opener(a.url, on, 'bub plain linkcard', h('strong', {}, a.title || '链接'),
      h('span', { class: 'linkrow' }, h('span', { class: 'desc' }, a.description || a.url || ''), h('span', { class: 'thumb' }, icon('link'))));
  },
  image: (it) => h('div', { class: 'bub bare' }, picture(it.picUrl, 'photo')),
  video: (it) => h('div', { class: 'bub bare' }, picture(it.picUrl, 'photo'), h('span', { class: 'playmark' }, icon('play'))),
  voice: (it) => {
    const secs = Math.max(1, Math.min(60, Math.round(Array.from(it.recognition || it.text || '').length / 3.5)));
    const bub = h('div', { class: 'bub voice', role: 'img', 'aria-label': `语音 ${secs} 秒` }, icon('voice'), h('span', {}, secs + '″'));
    bub.style.setProperty('--secs', secs);
    return [bub, it.recognition && h('div', { class: 'recog' }, it.recognition)];
  },
  location: (it) => {
    const l = it.location || {};
    return h('div', { class: 'bub plain place' }, h('strong', {}, l.label || '位置'),
      h('span', { class: 'desc' }, `北纬 ${l.lat}，东经 ${l.lng}`), h('span', { class: 'map', 'aria-hidden': 'true' }, icon('pin')));
  },
  msgmenu: (it, on) => {
    const m = it.menu || {};
    return h('div', { class: 'bub msgmenu' }, m.head && h('p', {}, rich(m.head, on)),
      h('ul', {}, (m.items || []).map((i) => h('li', {}, menuItem(i, i.content, on)))), m.tail && h('p', {}, rich(m.tail, on)));
  },
};

const CARDS = {
  news: (it, on) => {
    const [first, ...rest] = it.articles || [];
    if (!first) return h('div', { class: 'card' });
    const alone = rest.length === 0;
    return h('div', { class: 'card news' },
      opener(first.url, on, 'lead', picture(first.picUrl, 'cover', ''), h('strong', { class: alone ? 'under' : 'over' }, first.title),
        alone && first.description && h('span', { class: 'desc' }, first.description)),
      rest.map((a) => opener(a.url, on, 'item', h('span', {}, a.title), picture(a.picUrl, 'mini', ''))));
  },
  template: (it, on) => {
    const t = it.template || {};
    return h('div', { class: 'card tmpl' }, h('strong', {}, t.title || '服务通知'),
      h('dl', {}, (t.fields || []).map((f) => h('div', {}, h('dt', {}, f.name), h('dd', {}, f.value)))),
      t.url && safeURL(t.url) && opener(t.url, on, 'more', h('span', {}, '查看详情'), icon('next')));
  },
};

// draw makes the element of one item. who: {user, bot}, each {text, color}; on: {msgmenu(id, content),
// href(url): the address as this phone opens it}.
export function draw(it, who, on) {
  const data = { role: 'bubble', from: it.from, kind: it.kind, via: it.via, id: it.id };
  if (it.from === 'system' || it.kind === 'notice') {
    return h('div', { class: 'notice', data: { ...data, role: 'notice' } }, h('span', {}, rich(it.text, on)));
  }
  if (it.kind === 'event') return h('div', { class: 'notice event', data }, h('span', {}, it.text));
  const failed = /^failed/.test(it.status || '');
  const status = failed
    ? h('span', { class: 'mark bad', role: 'img', 'aria-label': '没有送达', title: it.status }, '!')
    : it.status === 'pending' && h('span', { class: 'mark spin', role: 'img', 'aria-label': '正在送达' });
  const via = it.from === 'bot' && VIA[it.via] && h('span', { class: 'via' }, VIA[it.via]);
  const card = CARDS[it.kind];
  if (card) {
    const el = card(it, on);
    el.dataset.role = 'card';
    el.dataset.kind = it.kind;
    return h('div', { class: 'row wide', data }, el, via, status);
  }
  const face = it.from === 'user' ? who.user : who.bot;
  const body = (KINDS[it.kind] || KINDS.text)(it, on);
  return h('div', { class: 'row ' + it.from, data }, avatar(face.text, face.color),
    h('div', { class: 'body' }, body, via), status);
}

// plain gives one item as a line of a transcript.
export function plain(it) {
  const l = it.location || {}, m = it.menu || {}, t = it.template || {};
  switch (it.kind) {
    case 'voice': return `[语音] ${it.recognition || ''}`;
    case 'image': case 'video': return `[${it.kind === 'image' ? '图片' : '视频'}] ${it.picUrl || ''}`;
    case 'location': return `[位置] ${l.label || ''} (${l.lat}, ${l.lng})`;
    case 'link': case 'news': return (it.articles || []).map((a) => `[${it.kind === 'link' ? '链接' : '图文'}] ${a.title} ${a.url || ''}`).join('\n') || `[链接] ${it.text || ''}`;
    case 'msgmenu': return [m.head, ...(m.items || []).map((i) => `  [${i.id}] ${i.content}`), m.tail].filter(Boolean).join('\n');
    case 'template': return [`[模板] ${t.title || ''}`, ...(t.fields || []).map((f) => `  ${f.name}：${f.value}`)].join('\n');
    default: return it.text || '';
  }
}
