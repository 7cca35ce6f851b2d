// The code on the screen is never an old one: without an answer of the service it goes away when it stops being good.
"use strict";
(() => {
  const at = location.pathname.replace(/\/$/, "");
  const byId = (id) => document.getElementById(id);
  const say = byId("say"), code = byId("code"), picture = byId("picture"), number = byId("number"), count = byId("count");
  let slot = "", goodUntil = 0;

  const tell = (text) => {
    say.textContent = text;
    say.hidden = false;
    code.hidden = true;
    slot = "";
  };
  const show = (now) => {
    count.textContent = `已签到 ${now.there} 人` + (now.expected ? `，应到 ${now.expected} 人` : "") + (now.doubtful ? `（其中待老师核实 ${now.doubtful} 人）` : "");
    if (now.state === "early") {
      return tell(`${now.opens} 开始签到`);
    }
    if (now.state === "over") {
      return tell("签到已经结束");
    }
    goodUntil = performance.now() + now.goodMs;
    if (now.slot === slot) {
      return;
    }
    const next = new Image();
    next.onload = () => {
      picture.src = next.src;
      number.textContent = now.number.slice(0, 3) + " " + now.number.slice(3);
      code.hidden = false;
      say.hidden = true;
      slot = now.slot;
    };
    next.src = `${at}/code.svg?${now.slot}`;
  };
  const ask = async () => {
    try {
      const answer = await fetch(`${at}/now`, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.ok) {
        show(await answer.json());
      }
    } catch {
      // The page goes on asking; below it says so when the code has grown old.
    }
    setTimeout(ask, 2000);
  };
  setInterval(() => {
    if (slot && performance.now() > goodUntil) {
      tell("网络断了，正在重新连接。请等一等，或者请老师点名。");
    }
  }, 500);
  ask();
})();
