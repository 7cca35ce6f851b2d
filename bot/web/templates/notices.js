// The page where a person allows notices. The platform's own script draws the button and asks.
(() => {
  const d = document.getElementById('notices').dataset, said = document.getElementById('said');
  const say = (text) => { said.textContent = text; };
  if (!window.wx) return; // not in WeChat, or the platform's script did not come: the sentence stands
  wx.config({ appId: d.app, timestamp: Number(d.time), nonceStr: d.nonce, signature: d.signature, jsApiList: [], openTagList: ['wx-open-subscribe'] });
  wx.ready(() => say(''));
  wx.error(() => say('现在打不开订阅，请过一会儿再试。'));
  const button = document.getElementById('subscribe');
  button.addEventListener('success', (e) => {
    let accepted = false;
    try {
      accepted = Object.values(JSON.parse(e.detail.subscribeDetails)).some((x) => JSON.parse(x).status === 'accept');
    } catch { /* an older WeChat says it otherwise; the platform tells the service anyway */ }
    say(accepted ? '好了，到时候通知您。' : '没有订阅。想收的时候再来点就行。');
  });
  button.addEventListener('error', () => say('没有成功，请再点一次。'));
})();
