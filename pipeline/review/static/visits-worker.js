// Keeps the page of site visits, with what it shows, for when there is no signal. It serves nothing else.
const KEPT = "roadwear-visits-1";
const OURS = [/^\/visits$/, /^\/static\//, /^\/defects\/[0-9a-f-]{36}\/pictures\/\d+$/];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function keep(paths) {
  const cache = await caches.open(KEPT);
  for (const request of await cache.keys()) {
    if (!paths.includes(new URL(request.url).pathname)) await cache.delete(request);
  }
  for (const path of paths) {
    const answer = await fetch(path, { cache: "no-cache" });
    if (answer.ok && !answer.redirected) await cache.put(path, answer);
  }
}

self.addEventListener("message", (event) => {
  if (event.data.keep) {
    event.waitUntil(keep(event.data.keep).then(() => event.source.postMessage({ kept: event.data.keep.length })));
  }
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  if (!OURS.some((ours) => ours.test(pathname))) return;
  event.respondWith(
    fetch(event.request).catch(async (error) => {
      const found = await (await caches.open(KEPT)).match(pathname);
      if (found) return found;
      throw error;
    }),
  );
});
