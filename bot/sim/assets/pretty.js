// Pretty printing of what went over the wire. Works on text, never on parsed numbers: message ids
// are longer than a JavaScript number can hold, and the panel must show what was really sent.
import { h } from './dom.js';

const span = (cls, text) => h('span', { class: cls }, text);

// pretty picks the form by the first character and returns nodes to show.
export function pretty(text) {
  const s = String(text || '').trim();
  if (s[0] === '<' && !/^<(!doctype|html)/i.test(s)) return xml(s);
  if (s[0] === '{' || s[0] === '[') return json(s);
  return [s];
}

export function xml(s) {
  const tokens = s.match(/<!\[CDATA\[[\s\S]*?\]\]>|<[^>]*>|[^<]+|</g) || [];
  const isText = (t) => t !== undefined && (t.startsWith('<![CDATA[') || t[0] !== '<');
  const out = [];
  let depth = 0, inline = false;
  const tab = () => { if (out.length) out.push('\n'); out.push('  '.repeat(Math.max(0, depth))); };
  tokens.forEach((t, i) => {
    if (isText(t)) {
      if (t.trim() === '' && !inline) return;
      if (t.startsWith('<![CDATA[')) out.push(span('t-dim', '<![CDATA['), span('t-str', t.slice(9, -3)), span('t-dim', ']]>'));
      else out.push(span('t-num', inline ? t : t.trim()));
      return;
    }
    if (t.startsWith('</')) {
      depth--;
      if (!inline) tab();
      inline = false;
      out.push(span('t-key', t));
      return;
    }
    tab();
    out.push(span('t-key', t));
    if (t.endsWith('/>') || t.startsWith('<?') || t.startsWith('<!')) return;
    depth++;
    inline = (isText(tokens[i + 1]) && (tokens[i + 2] || '').startsWith('</')) || (tokens[i + 1] || '').startsWith('</');
  });
  return out;
}

export function json(s) {
  const tokens = s.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) || [];
  const out = [];
  let depth = 0;
  const line = () => out.push('\n' + '  '.repeat(Math.max(0, depth)));
  tokens.forEach((t, i) => {
    const next = tokens[i + 1];
    if (t === '{' || t === '[') {
      out.push(t);
      if (next === '}' || next === ']') return;
      depth++;
      line();
    } else if (t === '}' || t === ']') {
      const prev = tokens[i - 1];
      if (prev !== '{' && prev !== '[') { depth--; line(); }
      out.push(t);
    } else if (t === ',') { out.push(t); line(); } else if (t === ':') out.push(': ');
    else if (t[0] === '"') out.push(span(next === ':' ? 't-key' : 't-str', readable(t)));
    else out.push(span('t-num', t));
  });
  return out;
}

// readable shows \u4e2d as 中; a string that is not valid stays as it came.
function readable(t) {
  try { return JSON.stringify(JSON.parse(t)); } catch { return t; }
}
