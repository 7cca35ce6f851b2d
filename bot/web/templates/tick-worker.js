// Keeps the page itself on the phone, so that it opens without signal. Names and ticks are kept by the page.
"use strict";
const shelf = "tick-1";
const files = ["/t/", "/t/tick.css", "/t/tick.js"];

self.addEventListener("install", (e) => {
  e.waitUntil(caches.open(shelf).then((c) => c.addAll(files)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (e) => {
  e.waitUntil(caches.keys()
    .then((all) => Promise.all(all.filter((k) => k.startsWith("tick-") && k !== shelf).map((k) => caches.delete(k))))
    .then(() => self.clients.claim()));
});

// The network is asked first, so that a new version arrives; a weak one gets four seconds.
const fresh = (request, path) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("slow")), 4000);
  fetch(request, { cache: "no-cache" }).then((answer) => {
    if (!answer.ok) {
      throw new Error("refused");
    }
    const copy = answer.clone();
    caches.open(shelf).then((c) => c.put(path, copy));
    resolve(answer);
  }).catch(reject);
});
self.addEventListener("fetch", (e) => {
  const path = new URL(e.request.url).pathname;
  if (e.request.method === "GET" && files.includes(path)) {
    e.respondWith(fresh(e.request, path).catch(() => caches.match(path).then((kept) => kept || Response.error())));
  }
});
