// Every tick is kept on the phone with its own number and time before anything is sent, and goes away only when the
// service has said what became of it. So nothing is lost without signal, and nothing counts twice.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const make = (tag, text, kind) => {
    const e = document.createElement(tag);
    e.textContent = text;
    if (kind) {
      e.className = kind;
    }
    return e;
  };

  const fill = (e, list) => { // replaceChildren, which old phones do not know
    if (list.length === e.children.length && list.every((c, i) => c === e.children[i])) {
      return;
    }
    e.textContent = "";
    list.forEach((c) => e.append(c));
  };

  // What is kept. Where a phone keeps nothing (private windows), memory has to do, and the page says so.
  const memory = {};
  let keeps = true;
  const read = (key, otherwise) => {
    try {
      const text = localStorage.getItem("tick." + key);
      return text === null ? otherwise : JSON.parse(text);
    } catch (e) {
      return key in memory ? memory[key] : otherwise;
    }
  };
  const write = (key, value) => {
    memory[key] = value;
    try {
      if (value === null) {
        localStorage.removeItem("tick." + key);
      } else {
        localStorage.setItem("tick." + key, JSON.stringify(value));
      }
    } catch (e) {
      keeps = false;
    }
  };

  if (location.hash.length > 32) {
    const had = read("token", "");
    write("token", location.hash.slice(1));
    if (had !== read("token", "")) {
      write("sheet", null);
    }
  }
  const token = read("token", "");
  let sheet = read("sheet", null), chosen = 0, show = "all", undoing = 0, gone = "", online = false, asked = false, offlineReady = false;

  const now = () => Date.now();
  const number = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return Array.from(bytes, (b) => ("0" + b.toString(16)).slice(-2)).join("");
  };
  const queue = () => read("queue", []);
  // Another trainer's ticks on the same phone wait for that trainer's page.
  const mine = () => queue().filter((t) => sheet && t.trainer === sheet.trainer && t.cohort === sheet.cohort);
  const add = (t) => {
    const s = sheet.sessions[chosen];
    write("queue", queue().concat(Object.assign({ id: number(), trainer: sheet.trainer, cohort: sheet.cohort, session: s.number, at: now() }, t)));
    draw();
    send();
  };
  const drop = (ids) => write("queue", queue().filter((t) => !ids.has(t.id)));

  const ask = (method, body, done, failed) => {
    const x = new XMLHttpRequest();
    x.open(method, "/t/sheet");
    x.timeout = 15000;
    x.setRequestHeader("Authorization", "Bearer " + token);
    x.onload = () => {
      online = asked = true;
      let answer = {};
      try {
        answer = JSON.parse(x.responseText);
      } catch (e) {
        // Somebody else answered: a hotel's page in front of the net.
        online = false;
        return failed();
      }
      if (x.status === 404) {
        gone = answer.error || "这个点名页已经停用了。";
        if (!mine().length) { // the names go with the right to see them
          sheet = null;
          write("sheet", null);
        }
        return failed();
      }
      if (x.status !== 200) {
        return failed();
      }
      gone = "";
      done(answer);
    };
    x.onerror = x.ontimeout = () => {
      online = false;
      asked = true;
      failed();
    };
    x.send(body);
  };

  let sending = false, again = 0;
  const send = () => {
    const batch = mine().slice(0, 300);
    if (sending || !batch.length) {
      return;
    }
    sending = true;
    const ticks = batch.map((t) => ({ id: t.id, session: t.session, learner: t.learner || 0, as: t.as || "", at: t.at, note: t.note || "", heads: t.heads || 0, counting: !!t.counting }));
    ask("POST", JSON.stringify({ clock: now(), ticks }), (answer) => {
      sending = false;
      const byNumber = {};
      batch.forEach((t) => { byNumber[t.id] = t; });
      const notes = read("notes", []);
      let clock = 0;
      answer.done.forEach((d) => {
        if (d.fate === "refused") {
          const t = byNumber[d.id];
          notes.push("没有记上：" + (t && t.name ? t.name + "，" : "") + d.why);
        }
        clock += d.fate === "clock" ? 1 : 0;
      });
      if (clock) {
        notes.push(`${clock} 条的时间不对，记上了，时间按收到的时候算。`);
      }
      if (Math.abs(answer.ahead) > 120000) {
        const minutes = Math.round(Math.abs(answer.ahead) / 60000);
        const note = `这部手机的时间${answer.ahead > 0 ? "快" : "慢"}了 ${minutes} 分钟，点名的时间已经换算过。请把手机时间调准。`;
        if (notes[notes.length - 1] !== note) {
          notes.push(note);
        }
      }
      write("notes", notes);
      drop(new Set(answer.done.map((d) => d.id)));
      again = 0;
      load();
      send();
    }, () => {
      sending = false;
      again = Math.min(again + 1, 6);
      draw();
    });
  };
  const load = () => {
    if (!token) {
      gone = "网址不完整。请在公众号里回复“点名”，从那里打开。";
      return draw();
    }
    ask("GET", null, (answer) => {
      const was = sheet && sheet.sessions[chosen] && sheet.sessions[chosen].number;
      const first = !sheet;
      sheet = answer;
      sheet.ahead = now() - sheet.now; // of this phone's clock
      write("sheet", sheet);
      chosen = sheet.sessions.findIndex((s) => s.number === was);
      if (chosen < 0 || first) {
        choose();
      }
      draw();
      send();
    }, draw);
  };
  // The session that is on, else the next, else the last.
  const choose = () => {
    const t = sheet.now;
    chosen = sheet.sessions.findIndex((s) => t <= s.ends);
    if (chosen < 0) {
      chosen = Math.max(0, sheet.sessions.length - 1);
    }
  };

  // What somebody is, with what has not been sent yet.
  const state = (person) => {
    const was = person.was[chosen] || {}, s = sheet.sessions[chosen];
    const out = { is: was.is || "", word: was.word || "", at: was.at || "", why: was.why || "", unsent: false, entered: !!was.in };
    mine().forEach((t) => {
      if (t.counting || t.session !== s.number || t.learner !== person.id) {
        return;
      }
      out.unsent = true;
      if (t.as === "refute") {
        out.is = out.word = out.at = "";
        out.entered = false;
      } else {
        out.is = "present";
        out.word = "到";
        out.entered = true;
      }
      out.why = "";
    });
    return out;
  };
  const there = (is) => is === "present" || is === "late" || is === "left_early";

  const tick = (person) => add({ learner: person.id, name: person.name, as: "tick" });
  const undo = (person) => {
    const s = sheet.sessions[chosen];
    const unsent = mine().filter((t) => !t.counting && t.session === s.number && t.learner === person.id);
    // What may be on its way already is taken back by a word of its own.
    if (unsent.length && !sending) {
      drop(new Set(unsent.map((t) => t.id)));
      draw();
    } else {
      add({ learner: person.id, name: person.name, as: "refute", note: "教员点错" });
    }
  };

  // A row is made anew only when it says something else: a finger may be on its button.
  const rows = {};
  const row = (person) => {
    const st = state(person), says = JSON.stringify([st, person, undoing === person.id, chosen]);
    if (!rows[person.id] || rows[person.id].says !== says) {
      rows[person.id] = { says, li: newRow(person, st) };
    }
    return rows[person.id].li;
  };
  const newRow = (person, st) => {
    const li = make("li", ""), name = make("div", "", "name");
    li.dataset.learner = person.id;
    name.append(make("b", person.name));
    const says = [person.unit];
    if (st.word) {
      says.push(st.word + (st.at ? " " + st.at : ""));
    }
    if (!person.expected) {
      says.push("名单外");
    }
    name.append(make("small", says.join(" · ")));
    if (st.why) {
      name.append(make("small", st.why, "why"));
    }
    if (st.unsent) {
      name.append(make("em", "没送出"));
    }
    li.append(name);
    const button = (text, kind, act) => {
      const b = make("button", text, kind);
      b.type = "button";
      b.addEventListener("click", act);
      return b;
    };
    if (st.is === "doubtful") {
      const two = make("div", "", "two");
      two.append(button("属实", "yes", () => add({ learner: person.id, name: person.name, as: "confirm", note: "教员当面核实" })),
        button("不在", "no", () => add({ learner: person.id, name: person.name, as: "refute", note: "教员核实不在" })));
      li.append(two);
    } else if (there(st.is) && undoing === person.id) {
      li.append(button("取消？", "undo", () => { undoing = 0; undo(person); }));
    } else if (there(st.is)) {
      li.append(button("✓ 到", "in", () => { undoing = person.id; draw(); }));
    } else {
      li.append(button("到", "", () => { undoing = 0; tick(person); }));
    }
    return li;
  };

  const draw = () => {
    const signal = byId("signal"), waiting = mine().length, notes = read("notes", []);
    signal.className = gone ? "bad" : waiting || !online ? "waiting" : "";
    signal.textContent = gone ? gone + (waiting ? `还有 ${waiting} 条没有送出，换了新的会接着送。` : "")
      : waiting ? `${waiting} 条还没有送出` + (online ? "，正在送……" : "：没有信号。有信号了自动送，请不要清除浏览器数据。")
        : online ? "都送出了" : !asked ? "正在读名单……" : sheet ? "没有信号，可以照常点名" : "没有信号，名单还没有读过。请先在有信号的地方打开。";
    if (!keeps) {
      signal.textContent += " 这部手机存不住，送出以前请不要关掉本页。";
    } else if (!offlineReady) {
      signal.textContent += " 没有信号时，请不要关掉或者刷新本页。";
    }
    byId("refused").hidden = !notes.length;
    fill(byId("reasons"), notes.map((n) => make("li", n)));
    if (!sheet) {
      byId("main").hidden = !notes.length;
      byId("counting").hidden = byId("session").hidden = true;
      fill(byId("people"), []);
      return;
    }
    byId("main").hidden = false;
    document.title = "点名 · " + sheet.class;
    byId("class").textContent = sheet.class;
    byId("who").textContent = `教员 ${sheet.name}，有效到 ${new Date(sheet.until + 8 * 3600000).toISOString().slice(5, 16).replace("T", " ")}`;
    const select = byId("session");
    select.hidden = false;
    const names = sheet.sessions.map((s) => `${s.when} ${s.title}${s.closed ? "（已结课）" : ""}`);
    if (Array.from(select.options, (o) => o.textContent).join("\n") !== names.join("\n")) {
      fill(select, names.map((n, i) => {
        const o = make("option", n);
        o.value = i;
        return o;
      }));
    }
    select.value = chosen;
    const s = sheet.sessions[chosen];
    if (!s) {
      fill(byId("people"), [make("li", "这个班没有课次。")]);
      return;
    }
    const states = sheet.people.map((p) => [p, state(p)]);
    const present = states.filter((x) => there(x[1].is)).length, doubtful = states.filter((x) => x[1].is === "doubtful").length;
    const expected = sheet.people.filter((p) => p.expected).length;
    byId("counting").hidden = false;
    byId("system").textContent = `应到 ${expected} 人，系统记的到 ${present} 人` + (doubtful ? `，待核实 ${doubtful} 人` : "");
    byId("heads").parentNode.hidden = !sheet.whole;
    let counted = s.counted;
    mine().forEach((t) => {
      if (t.counting && t.session === s.number) {
        counted = t.heads;
      }
    });
    byId("heads").placeholder = counted >= 0 ? counted : "";
    byId("differs").textContent = counted < 0 ? "" : counted === present + doubtful ? `清点 ${counted} 人，对得上` : `清点 ${counted} 人，和系统差 ${Math.abs(present + doubtful - counted)} 人，请核对`;
    byId("differs").className = counted === present + doubtful ? "agrees" : "";
    document.querySelectorAll("nav button").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.show === show)));
    const wanted = byId("find").value.trim();
    fill(byId("people"), states.filter(([p, st]) => (!wanted || p.name.includes(wanted) || p.unit.includes(wanted)) &&
      (show === "all" || show === "missing" && !there(st.is) && st.is !== "doubtful" && p.expected || show === "doubtful" && st.is === "doubtful")).map(([p]) => row(p)));
  };

  byId("session").addEventListener("change", (e) => { chosen = Number(e.target.value); undoing = 0; draw(); });
  byId("find").addEventListener("input", draw);
  document.querySelectorAll("nav button").forEach((b) => b.addEventListener("click", () => { show = b.dataset.show; draw(); }));
  byId("count").addEventListener("click", () => {
    const heads = byId("heads").value.trim();
    if (/^\d{1,6}$/.test(heads)) {
      add({ counting: true, heads: Number(heads) });
      byId("heads").value = "";
      draw();
    }
  });
  byId("seen").addEventListener("click", () => { write("notes", []); draw(); });
  window.addEventListener("online", () => { again = 0; load(); });
  window.addEventListener("offline", () => { online = false; draw(); });
  window.addEventListener("storage", draw);

  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/t/tick-worker.js").then(() => navigator.serviceWorker.ready).then(() => {
      offlineReady = true;
      draw();
    }).catch(() => {
      // Some phones forbid it; the page then says that it must stay open.
    });
  }
  // An old list on the phone tells names to whoever finds the phone: it goes with the right to it.
  if (sheet && sheet.until + sheet.ahead < now() && !mine().length) {
    sheet = null;
    write("sheet", null);
  }
  if (sheet) {
    choose();
  }
  draw();
  load();
  let beats = 0;
  setInterval(() => {
    beats++;
    if (mine().length) {
      if (beats % (1 + again) === 0) {
        send();
      }
    } else if (beats % 4 === 0 && !document.hidden) {
      load();
    }
  }, 4000);
})();
