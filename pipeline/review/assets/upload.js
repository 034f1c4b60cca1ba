// The upload page: announces files by their hashes, sends what is wanted, and says how far it is.
import { sha256 } from "@noble/hashes/sha2";
import { bytesToHex } from "@noble/hashes/utils";
import { Upload } from "tus-js-client";

const PIECE_BYTES = 32 * 1024 * 1024;
const HASH_BYTES = 4 * 1024 * 1024;
const AT_ONCE = 2;
const RETRIES_MS = [500, 1000, 3000, 5000, 10000, 20000, 30000, 60000, 60000, 60000, 60000, 60000];
const MEMORY = "roadwear-batch";

const page = document.getElementById("upload");
const byId = (id) => document.getElementById(id);
const say = (words) => { byId("status").textContent = words; };

async function ask(method, path, body) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await fetch(`/uplink/${path}`, {
        method,
        headers: { "Content-Type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const said = await answer.json();
      if (answer.ok) return said;
      const refusal = new Error(said.message);
      refusal.status = answer.status;
      if (answer.status < 500) throw refusal;
      if (attempt >= RETRIES_MS.length) throw refusal;
    } catch (error) {
      if (error.status && error.status < 500) throw error;
      if (attempt >= RETRIES_MS.length) throw error;
    }
    say("The connection is lost; it is tried again …");
    await new Promise((done) => setTimeout(done, RETRIES_MS[attempt]));
  }
}

// A folder that was dropped is read through; a plain list of files is taken as it is.
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  const walk = async (entry, before) => {
    if (entry.isFile) {
      const file = await new Promise((done, fail) => entry.file(done, fail));
      found.push({ file, path: before + file.name });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!batch.length) return;
      for (const inner of batch) await walk(inner, `${before}${entry.name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

async function hashOf(file, onBytes) {
  const digest = sha256.create();
  for (let at = 0; at < file.size; at += HASH_BYTES) {
    const piece = await file.slice(at, at + HASH_BYTES).arrayBuffer();
    digest.update(new Uint8Array(piece));
    onBytes(piece.byteLength);
  }
  return bytesToHex(digest.digest());
}

function row(path) {
  const line = document.createElement("li");
  const name = document.createElement("span");
  const bar = document.createElement("progress");
  const words = document.createElement("span");
  name.textContent = path;
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", path);
  line.append(name, " ", bar, " ", words);
  byId("files").append(line);
  return { set: (share, said) => { bar.value = share; words.textContent = said; } };
}

function send(batch, one, onSent) {
  return new Promise((done, fail) => {
    let before = 0;
    const upload = new Upload(one.file, {
      endpoint: "/uplink/uploads",
      chunkSize: PIECE_BYTES,
      retryDelays: RETRIES_MS,
      storeFingerprintForResuming: false,
      metadata: { batch, filename: one.path },
      onProgress: (sent) => {
        onSent(sent - before);
        before = sent;
        one.row.set(sent / one.file.size, `${Math.floor((100 * sent) / one.file.size)} %`);
      },
      onShouldRetry: (error) => {
        say("The connection is lost; it is tried again …");
        const status = error.originalResponse?.getStatus() ?? 0;
        return status === 0 || status >= 500 || [404, 408, 409, 460].includes(status);
      },
      onSuccess: () => { one.row.set(1, "sent"); done(); },
      onError: fail,
    });
    upload.start();
  });
}

async function openBatch(said, vehicle) {
  const known = localStorage.getItem(MEMORY);
  if (known) {
    try {
      return { batch: known, answer: await ask("PUT", `batches/${known}/files`, said) };
    } catch (error) {
      if (!error.status) throw error;
      localStorage.removeItem(MEMORY);
    }
  }
  const begun = await ask("POST", "batches", { source: "web", vehicle });
  localStorage.setItem(MEMORY, begun.batch_id);
  return {
    batch: begun.batch_id,
    answer: await ask("PUT", `batches/${begun.batch_id}/files`, said),
  };
}

async function handIn(files) {
  byId("files").textContent = "";
  byId("problem").hidden = true;
  const total = files.reduce((sum, one) => sum + one.file.size, 0);
  const all = byId("all");
  let hashed = 0;
  for (const one of files) {
    one.row = row(one.path);
    one.sha256 = await hashOf(one.file, (bytes) => {
      hashed += bytes;
      all.value = total ? hashed / total : 1;
      say(`Reading the files: ${Math.floor((100 * hashed) / Math.max(total, 1))} %`);
    });
    one.row.set(0, "read");
  }
  const said = files.map((one) => ({
    path: one.path, size_bytes: one.file.size, sha256: one.sha256,
  }));
  const { batch, answer } = await openBatch(said, byId("vehicle").value);
  const lines = new Map(answer.files.map((line) => [line.sha256 + line.size_bytes, line]));
  const wanted = [];
  for (const one of files) {
    const line = lines.get(one.sha256 + one.file.size);
    if (line.outcome === null) {
      one.path = line.path;
      wanted.push(one);
    } else one.row.set(1, line.sentence);
  }
  const bytes = wanted.reduce((sum, one) => sum + one.file.size, 0);
  let sent = 0;
  const next = async () => {
    for (let one = wanted.shift(); one; one = wanted.shift()) {
      await send(batch, one, (more) => {
        sent += more;
        all.value = bytes ? sent / bytes : 1;
        say(`Sending: ${Math.floor((100 * sent) / Math.max(bytes, 1))} %`);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  await ask("POST", `batches/${batch}/close`, {});
  localStorage.removeItem(MEMORY);
  say("All files are sent; the server reads them …");
  window.location.assign(`/fleet/uploads/${batch}`);
}

function start(files) {
  if (!files.length) return;
  page.setAttribute("aria-busy", "true");
  handIn(files).catch((error) => {
    byId("problem").hidden = false;
    byId("problem-words").textContent = error.message || "The files could not be sent.";
    say("Stopped. Choose the same files again to go on from there.");
    byId("problem").focus();
  }).finally(() => page.removeAttribute("aria-busy"));
}

for (const id of ["folder", "some"]) {
  byId(id).addEventListener("change", (event) => {
    start([...event.target.files].map((file) => ({
      file, path: file.webkitRelativePath || file.name,
    })));
  });
}
byId("drop").addEventListener("dragover", (event) => event.preventDefault());
byId("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  filesOf(event.dataTransfer).then(start);
});
