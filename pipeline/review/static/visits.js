// What is found on site is written into the phone first and sent when there is a signal: under an id that
// is made here, so that it may be sent twice and is kept once.
const box = document.getElementById("visits");
const person = box.dataset.person;
const state = document.getElementById("visits-state");
const list = document.getElementById("visits-kept");
const SIDE = 2000;
let isSignedOut = false;
let signedIn = person;

const opened = new Promise((resolve, reject) => {
  const asked = indexedDB.open("roadwear-visits", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("entries", { keyPath: "entry_id" });
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

async function store(mode, act) {
  const database = await opened;
  return new Promise((resolve, reject) => {
    const change = database.transaction("entries", mode);
    const asked = act(change.objectStore("entries"));
    change.oncomplete = () => resolve(asked.result);
    change.onerror = change.onabort = () => reject(change.error);
  });
}

const all = () => store("readonly", (entries) => entries.getAll());
const put = (entry) => store("readwrite", (entries) => entries.put(entry));
const remove = (id) => store("readwrite", (entries) => entries.delete(id));

// A phone's photograph is made smaller before it is kept: thirty of them have to fit.
async function smaller(file) {
  if (!file || !file.size) return null;
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const share = Math.min(1, SIDE / Math.max(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.round(picture.width * share), Math.round(picture.height * share));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
  } catch {
    return file;
  }
}

function say(entry) {
  const place = document.querySelector(`[data-visit="${entry.defect_id}"] [data-said]`);
  const words = entry.refused ? `Not taken: ${entry.refused}` : entry.followed || "Kept on this phone, not sent yet.";
  if (place) place.textContent = words;
}

async function show() {
  const entries = await all();
  const waiting = entries.filter((entry) => !entry.refused);
  const how = !navigator.onLine ? "There is no signal: they are sent when there is one."
    : isSignedOut ? "You are signed out: sign in again to send them." : "There is a signal.";
  const others = waiting.filter((entry) => entry.person !== signedIn).length;
  const what = waiting.length ? `${waiting.length} kept on this phone, not sent yet.` : "Nothing waits to be sent.";
  const whose = others ? ` ${others} were written by somebody else: they are sent when they sign in.` : "";
  state.textContent = `${what} ${how}${whose}`;
  box.dataset.waiting = String(waiting.length);
  list.replaceChildren(...entries.filter((entry) => entry.refused).map((entry) => {
    const line = document.createElement("li");
    line.textContent = `Not taken: ${entry.refused} (${entry.outcome.replaceAll("_", " ")}, ${entry.note || "no note"}) `;
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "govuk-button govuk-button--warning rw-small";
    drop.textContent = "Remove it from this phone";
    drop.addEventListener("click", async () => { await remove(entry.entry_id); await show(); });
    line.append(drop);
    return line;
  }));
  entries.forEach(say);
}

async function send(entry, csrf) {
  const body = new FormData();
  for (const name of ["entry_id", "defect_id", "person", "outcome", "depth_mm", "how", "note", "happened_at"]) {
    body.append(name, entry[name]);
  }
  body.append("csrf", csrf);
  if (entry.photo) body.append("photo", entry.photo, "photo.jpg");
  const answer = await fetch("/visits/entries", { method: "POST", body, headers: { Accept: "application/json" } });
  const said = await answer.json();
  if (answer.ok) {
    await remove(entry.entry_id);
    say({ ...entry, followed: said.followed });
  } else if (answer.status === 422 && said.refused) {
    await put({ ...entry, refused: said.refused });
  } else {
    throw new Error(`${answer.status}`);
  }
}

// One page at a time sends; what fails for want of a signal is sent the next time.
function sync() {
  return navigator.locks.request("roadwear-visits", async () => {
    const entries = (await all()).filter((entry) => !entry.refused);
    if (!entries.length) return;
    try {
      const answer = await fetch("/visits/session", { headers: { Accept: "application/json" } });
      isSignedOut = answer.status === 401;
      if (isSignedOut) return; // or something is to be done first: signing in shows what
      const session = await answer.json();
      // What somebody else wrote on this phone waits for them to sign in.
      signedIn = session.person;
      for (const entry of entries.filter((one) => one.person === signedIn)) await send(entry, session.csrf);
    } catch {
      // There is no signal, or it went away: everything is still kept.
    }
  }).then(show);
}

for (const form of document.querySelectorAll('form[action="/visits/entries"]')) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(form));
    const missing = !said.outcome || (said.outcome === "measured" && (!/^\d+$/.test(said.depth_mm.trim()) || !said.how));
    if (missing) {
      say({ defect_id: said.defect_id, refused: "choose what you found; where you measured, enter millimetres and how." });
      return;
    }
    await put({ ...said, csrf: "", person, entry_id: crypto.randomUUID(), happened_at: new Date().toISOString(),
      photo: await smaller(said.photo) });
    form.reset();
    form.closest("details").open = false;
    await show();
    await sync();
  });
}
document.getElementById("visits-send").addEventListener("click", sync);
addEventListener("online", sync);
addEventListener("offline", show);
setInterval(sync, 30000);

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.addEventListener("message", (event) => { box.dataset.kept = String(event.data.kept); });
  await navigator.serviceWorker.register("/visits/worker.js", { scope: "/" });
  const worker = await navigator.serviceWorker.ready;
  const shown = [...document.querySelectorAll("img, script[src], link[rel=stylesheet]")].map((one) => new URL(one.src || one.href).pathname);
  if (navigator.onLine) worker.active.postMessage({ keep: ["/visits", ...new Set(shown)] });
}
box.hidden = false;
await show();
await sync();
