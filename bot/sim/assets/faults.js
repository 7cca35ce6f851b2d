// The fault menu: choose a place (a push or an API path) and what shall go wrong there.
import { h, button, call, fail, form, modal, toast } from './dom.js';

const PLACES = [
  ['push', '推送（微信 → 机器人）'],
  ['receipt', '回执（模板、订阅通知、群发的结果）'],
  ['/cgi-bin/message/custom/send', '接口：客服消息'],
  ['/cgi-bin/message/template/send', '接口：模板消息'],
  ['/cgi-bin/message/subscribe/bizsend', '接口：订阅通知'],
  ['/cgi-bin/message/mass/sendall', '接口：群发'],
  ['/cgi-bin/stable_token', '接口：取令牌'],
  ['/cgi-bin/user/info', '接口：用户信息'],
  ['/cgi-bin/media/upload', '接口：传素材'],
  ['/cgi-bin/menu/create', '接口：建菜单'],
  ['*', '所有接口'],
  ['', '其他接口（自己写路径）…'],
];

const KINDS = [
  ['latency', '变慢'], ['reset_before', '断开（事情还没做）'], ['reset_after', '断开（事情已做成，对方不知道）'], ['silent', '做成了，但一直不答复'],
  ['errcode', '返回错误码'], ['http_502', 'HTTP 502'], ['html_body', '返回一页网页'], ['truncated', '答复只有一半'], ['slow_body', '答复一点一点挤出来'],
  ['duplicate', '同一推送同时来两次'],
  ['drop_receipt', '回执丢失'], ['double_receipt', '回执来两次'], ['reorder_receipt', '回执乱序'], ['msgid_zero', '回执的编号是 0'], ['status', '回执说没有送到'],
];

// Which faults can happen where; everything else is an API path.
const AT = {
  push: ['latency', 'reset_before', 'reset_after', 'duplicate'],
  receipt: ['drop_receipt', 'double_receipt', 'reorder_receipt', 'msgid_zero', 'status'],
};
const kindsAt = (path) => KINDS.filter(([k]) => (AT[path] ? AT[path].includes(k) : k !== 'duplicate' && !AT.receipt.includes(k)));

const label = (list, v) => (list.find(([k]) => k === v) || [v, v])[1];

export async function faultDialog(changed) {
  let list;
  try { list = ((await call('faults')) || {}).items || []; } catch (err) { fail(err); return; }
  changed(list.length);
  const again = () => faultDialog(changed);
  const remove = async (id) => {
    try { await call('faults' + (id === undefined ? '' : '?id=' + encodeURIComponent(id)), undefined, 'DELETE'); await again(); } catch (err) { fail(err); }
  };
  modal((close) => h('div', { class: 'faults' },
    list.length > 0 && h('section', { class: 'armed-list' }, h('h3', {}, '正在生效'), h('ul', {}, list.map((f) => h('li', {},
      h('span', {}, `${label(PLACES, f.path)} · ${label(KINDS, f.kind)}${f.errcode ? ' ' + f.errcode : ''} · ${f.times ? `还有 ${f.times} 次` : '一直'}`),
      button('去掉这一条', { ic: 'x', class: 'dbtn' }, () => remove(f.id))))),
    button('全部清除', { text: '全部清除', class: 'btn small', 'data-role': 'faults-clear' }, () => remove())),
    form({
      title: '加一个故障', note: '用来看机器人在坏天气里怎么做。', ok: '生效', danger: true, oncancel: close,
      fields: [
        { name: 'path', label: '在哪里', options: PLACES, value: 'push' },
        { name: 'other', label: '接口路径', placeholder: '/cgi-bin/…', when: (v) => v.path === '' },
        { name: 'kind', label: '出什么事', options: (v) => kindsAt(v.path), of: 'path' },
        { name: 'latency', label: '慢多少秒', type: 'number', min: 0, step: 'any', value: '6', when: (v) => v.kind === 'latency' || v.kind === 'slow_body' },
        { name: 'errcode', label: '错误码', type: 'number', value: '-1', when: (v) => v.kind === 'errcode' },
        { name: 'status', label: '回执里的状态', value: 'failed:user block', when: (v) => v.kind === 'status' },
        { name: 'times', label: '几次（0 为一直）', type: 'number', min: 0, value: '1', half: true },
        { name: 'probability', label: '可能性（0–1）', type: 'number', min: 0, max: 1, step: 'any', value: '1', half: true },
      ],
      onok: async (v) => {
        close();
        try {
          await call('faults', {
            path: v.path || v.other.trim(), kind: v.kind, times: Number(v.times), probability: Number(v.probability),
            latency: v.kind === 'latency' || v.kind === 'slow_body' ? v.latency + 's' : undefined, errcode: v.kind === 'errcode' ? Number(v.errcode) : undefined, status: v.kind === 'status' ? v.status : undefined,
          });
          toast('故障已生效');
          changed((((await call('faults')) || {}).items || []).length);
        } catch (err) { fail(err); }
      },
    })));
}
