// Makes kai.ttf.gz, the font of the certificates, from LXGW WenKai: fewer characters, no layout tables, another name,
// because a changed font may not keep a Reserved Font Name (OFL 1.1, section 3). See README.md for how to run it.
import { readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import subsetFont from 'subset-font'

const [source, mappings, target] = process.argv.slice(2)
if (!target) {
  console.error('usage: node make.mjs LXGWWenKai-Regular.ttf Unihan_OtherMappings.txt kai.ttf.gz')
  process.exit(2)
}
const font = readFileSync(source)

// What is kept: signs of plain texts, the 8,105 characters of 通用规范汉字表 (2013), GB 2312, and every character beyond
// the basic block that the font has: they are there because names and places need them.
const signs = '\u3000·•‧・—–―…‘’“”、。〃々〆〇〈〉《》「」『』【】〔〕〖〗〓○●□■△▲☆★×÷±＝＋－＊／％‰℃㎡§№①②③④⑤⑥⑦⑧⑨⑩ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ，．：；？！（）～｜￥＆＃＠'
const keep = new Set(signs)
for (let c = 0x20; c < 0x180; c++) if (c < 0x7f || c >= 0xa1) keep.add(String.fromCodePoint(c))
for (let c = 0xff10; c < 0xff5b; c++) keep.add(String.fromCodePoint(c))
for (const line of readFileSync(mappings, 'utf8').split('\n')) {
  const [code, field] = line.split('\t')
  if (line.startsWith('U+') && (field === 'kTGH' || field === 'kGB0')) keep.add(String.fromCodePoint(parseInt(code.slice(2), 16)))
}
for (const [from, to] of [[0x3400, 0x4dbf], [0x20000, 0x323af]]) for (let c = from; c <= to; c++) keep.add(String.fromCodePoint(c))

const cut = await subsetFont(font, [...keep].sort().join(''), { targetFormat: 'truetype', noLayoutClosure: true })

// Only the tables that drawing needs, and a name of our own.
const wanted = ['OS/2', 'cmap', 'glyf', 'head', 'hhea', 'hmtx', 'loca', 'maxp', 'name', 'post']
const tables = new Map()
for (let i = 0; i < cut.readUInt16BE(4); i++) {
  const at = 12 + 16 * i
  const tag = cut.toString('latin1', at, at + 4)
  if (wanted.includes(tag)) tables.set(tag, cut.subarray(cut.readUInt32BE(at + 8), cut.readUInt32BE(at + 8) + cut.readUInt32BE(at + 12)))
}
tables.set('name', names({
  0: 'Copyright 2021-2022 lxgw (https://github.com/lxgw/LxgwWenKai), with Reserved Font Names "霞鹜" and "LXGW". Cut and renamed for Tiangeng.',
  1: 'Tiangeng Kai', 2: 'Regular', 3: 'Tiangeng Kai 1.250 cut 1', 4: 'Tiangeng Kai Regular', 5: 'Version 1.250; cut 1', 6: 'TiangengKai-Regular',
  13: 'This Font Software is licensed under the SIL Open Font License, Version 1.1.', 14: 'https://openfontlicense.org',
}))
const post = Buffer.from(tables.get('post').subarray(0, 32)) // without names of glyphs
post.writeUInt32BE(0x00030000, 0)
tables.set('post', post)
const made = sfnt(tables)
writeFileSync(target, gzipSync(made, { level: 9 }))
console.log(`${made.length} bytes, ${gzipSync(made, { level: 9 }).length} compressed`)

function names(list) {
  const records = Object.entries(list).map(([id, text]) => [Number(id), Buffer.from(text, 'utf16le').swap16()])
  const head = Buffer.alloc(6 + 12 * records.length)
  head.writeUInt16BE(records.length, 2)
  head.writeUInt16BE(head.length, 4)
  let offset = 0
  records.forEach(([id, text], i) => {
    ;[3, 1, 0x409, id, text.length, offset].forEach((v, j) => head.writeUInt16BE(v, 6 + 12 * i + 2 * j))
    offset += text.length
  })
  return Buffer.concat([head, ...records.map(r => r[1])])
}

function sum(b) {
  let n = 0
  for (let i = 0; i + 4 <= b.length; i += 4) n = (n + b.readUInt32BE(i)) >>> 0
  return n
}

function sfnt(tables) {
  const tags = [...tables.keys()].sort()
  const power = 2 ** Math.floor(Math.log2(tags.length))
  const head = Buffer.alloc(12 + 16 * tags.length)
  head.writeUInt32BE(0x00010000, 0)
  ;[tags.length, power * 16, Math.log2(power), (tags.length - power) * 16].forEach((v, i) => head.writeUInt16BE(v, 4 + 2 * i))
  const parts = [head]
  let offset = head.length
  let headAt = 0
  tags.forEach((tag, i) => {
    const data = tables.get(tag)
    const padded = Buffer.alloc(Math.ceil(data.length / 4) * 4)
    data.copy(padded)
    if (tag === 'head') {
      padded.writeUInt32BE(0, 8)
      headAt = offset
    }
    head.write(tag, 12 + 16 * i, 'latin1')
    ;[sum(padded), offset, data.length].forEach((v, j) => head.writeUInt32BE(v, 16 + 16 * i + 4 * j))
    parts.push(padded)
    offset += padded.length
  })
  const whole = Buffer.concat(parts)
  whole.writeUInt32BE((0xb1b0afba - sum(whole)) >>> 0, headAt + 8)
  return whole
}
