// The upload page's life: files that are dropped, chosen, pasted or photographed become rows; each is announced to the
// gateway, sent to its own URL, in parts where it is large, and tried again until it is stored. What was sent survives a
// reload: the gateway knows which parts it has. Not for: deciding what may come; the gateway does, and says why in words.

const FILES_AT_ONCE = 3;
const PARTS_AT_ONCE = 3;
// Of six connections that browsers open to a host.
const BODIES_AT_ONCE = 5;
// A body that has not moved for so long is sent again.
const STALLED_MILLIS = 30_000;
const FIRST_WAIT_MILLIS = 1_000;
const LONGEST_WAIT_MILLIS = 15_000;
// While the browser says that it is online; then the person is asked.
const MOST_TRIES = 20;
// Keeps the link open while something is being sent, and notices when it is closed elsewhere.
const LOOK_EVERY_MILLIS = 60_000;
const LARGEST_THUMBNAIL_BYTES = 40_000_000;

const $ = (id) => document.getElementById(id);
const { several, maxFiles, kinds: kindsInJson } = $("uploads").dataset;
const [isSeveral, mostFiles, kinds] = [several === "true", Number(maxFiles), JSON.parse(kindsInJson)];
const base = location.pathname.replace(/\/$/, "");

/// One row. `state`: waiting, sending, stored, failed, unfinished (begun before a reload, its file not here), gone.
const items = [];
let isOver = false;
let expiresAt = new Date($("expires").dateTime);

// Asking the gateway.

/// What may be tried again: `afterMillis` is what the gateway asks for.
class Later extends Error {
  afterMillis = 0;
}

/// What will not become better by itself.
class No extends Error {}
const no = (message, next, code) => Object.assign(new No(`${message} ${next}`), { code });

/// The gateway's own envelope; undefined: a proxy's page, whose status says enough.
function read(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return undefined;
  }
}

function refusal(status, text, retryAfter) {
  const error = read(text);
  const isLater = status >= 500 || status === 429 || error?.code === "FILE_NOT_READY" || error?.retry_after_seconds > 0;
  if (isLater && error?.code !== "STORAGE_FULL") {
    return Object.assign(new Later(error?.message ?? `HTTP ${status}.`), { afterMillis: 1000 * (Number(retryAfter) || 0) });
  }
  return error ? no(error.message, error.next, error.code) : no(`The gateway answered with ${status}.`, "Reload the page and try again.");
}

async function ask(path, { method = "GET", body } = {}) {
  const sent = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(STALLED_MILLIS * 4);
  let response, text;
  try {
    response = await fetch(path, { method, ...sent, cache: "no-store", credentials: "omit", signal });
    text = await response.text();
  } catch {
    throw new Later("The connection was lost.");
  }
  if (!response.ok) throw refusal(response.status, text, response.headers.get("retry-after"));
  return text ? JSON.parse(text) : {};
}

let bodies = 0;
const bodiesWaiting = [];

/// PUT of a file or a piece of it, with its progress: only XMLHttpRequest tells that.
async function put(item, url, blob, onProgress) {
  while (bodies >= BODIES_AT_ONCE) await new Promise((resolve) => bodiesWaiting.push(resolve));
  bodies += 1;
  try {
    return await putNow(item, url, blob, onProgress);
  } finally {
    bodies -= 1;
    bodiesWaiting.shift()?.();
  }
}

function putNow(item, url, blob, onProgress) {
  return new Promise((resolve, reject) => {
    if (item.state !== "sending") return reject(no("Removed.", ""));
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    let watch;
    // What is sent whole still has to be looked at and stored: that may take longer than a stalled connection.
    const moved = (millis = STALLED_MILLIS) => {
      clearTimeout(watch);
      watch = setTimeout(stop, millis);
    };
    const done = (settle) => () => {
      clearTimeout(watch);
      item.stops.delete(stop);
      settle();
    };
    request.open("PUT", url);
    request.upload.onprogress = ({ loaded, total }) => {
      moved(loaded === total ? STALLED_MILLIS * 4 : STALLED_MILLIS);
      onProgress(loaded);
    };
    const lost = done(() => reject(new Later("The connection was lost.")));
    Object.assign(request, { onerror: lost, onabort: lost, ontimeout: lost });
    request.onload = done(() => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusal(request.status, request.responseText, request.getResponseHeader("retry-after")));
    });
    item.stops.add(stop);
    moved();
    request.send(blob);
  });
}

/// So long, or until the browser is online again.
const rest = (millis) => new Promise((resolve) => (setTimeout(resolve, millis), addEventListener("online", resolve, { once: true })));

/// Does it, again and again while that can help.
async function persist(item, work) {
  let wait = FIRST_WAIT_MILLIS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (fault) {
      if (!(fault instanceof Later) || item.state !== "sending") throw fault;
      if (tries >= MOST_TRIES && navigator.onLine) throw no(fault.message, "Try again when the connection is better.");
      say(item, navigator.onLine ? `${fault.message} Trying again…` : "You are offline. It goes on when you are back.");
      await rest(Math.max(wait, fault.afterMillis) * (0.8 + Math.random() * 0.4));
      if (!navigator.onLine) tries -= 1;
      wait = Math.min(wait * 2, LONGEST_WAIT_MILLIS);
      if (item.state === "sending") say(item, "Sending…");
    }
  }
}

// Sending.

function pump() {
  const sending = items.filter((item) => item.state === "sending").length;
  const next = items.filter((item) => item.state === "waiting").slice(0, FILES_AT_ONCE - sending);
  for (const item of next) run(item);
  show();
}

async function run(item) {
  item.state = "sending";
  item.error = undefined;
  say(item, "Sending…");
  try {
    await announce(item);
    if (!item.isStored) await (item.partBytes ? sendParts(item) : sendWhole(item));
    if (item.state !== "sending") return;
    item.state = "stored";
    item.sent = item.size;
    say(item, "Stored");
    tell(`${item.name} is stored.`);
  } catch (fault) {
    if (item.state !== "sending") return;
    item.state = "failed";
    // The same bytes would be refused again.
    item.isRefused = ["UPLOAD_FAILED", "FILE_TOO_LARGE", "INVALID_INPUTS"].includes(fault.code);
    say(item, fault.message);
    tell(`${item.name} is not stored. ${fault.message}`);
    if (fault.code === "SESSION_EXPIRED") look();
  } finally {
    pump();
  }
}

/// Again with the same key it is the same upload, so a lost answer does no harm.
async function announce(item) {
  const body = { key: item.key, name: item.name, type: kindOf(item.file).mime, size: item.size };
  note(item, await persist(item, () => ask(`${base}/files`, { method: "POST", body })));
}

function note(item, told) {
  item.url = told.upload_url;
  item.partBytes = told.part_bytes;
  item.received = new Set(told.received_parts);
  item.isStored = told.state === "stored";
}

async function sendWhole(item) {
  let isAgain = false;
  await persist(item, async () => {
    // The last byte may have arrived and only the answer been lost.
    if (isAgain && (await ask(item.url)).state === "stored") return;
    isAgain = true;
    await put(item, item.url, item.file, (loaded) => progress(item, loaded));
  });
}

async function sendParts(item) {
  const count = Math.ceil(item.size / item.partBytes);
  const partOf = (number) => item.file.slice((number - 1) * item.partBytes, Math.min(number * item.partBytes, item.size));
  for (let round = 1; ; round += 1) {
    const missing = Array.from({ length: count }, (_, at) => at + 1).filter((number) => !item.received.has(number));
    const underWay = new Map();
    const told = () => {
      const sizes = [...[...item.received].map((number) => partOf(number).size), ...underWay.values()];
      progress(item, sizes.reduce((sum, size) => sum + size, 0));
    };
    told();
    const worker = async () => {
      for (let number = missing.shift(); number !== undefined; number = missing.shift()) {
        const at = number;
        const onProgress = (loaded) => (underWay.set(at, loaded), told());
        const send = () => put(item, `${item.url}/parts/${at}`, partOf(at), onProgress);
        await persist(item, () => send().finally(() => underWay.delete(at)));
        item.received.add(at);
        told();
      }
    };
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, worker));
    say(item, "Finishing…");
    try {
      await persist(item, () => ask(`${item.url}/complete`, { method: "POST", body: {} }));
      return;
    } catch (fault) {
      if (fault.code !== "INCOMPLETE_UPLOAD" || round >= 3) throw fault;
      item.received = new Set((await persist(item, () => ask(item.url))).received_parts);
    }
  }
}

// Files that come in.

function kindOf({ name, type }) {
  const extension = name.split(".").pop().toLowerCase();
  return kinds.find((kind) => kind.mime === type) ?? kinds.find((kind) => kind.extensions.includes(extension));
}

function words(bytes) {
  const [unit, name] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "KB"];
  return `${(Math.ceil((bytes * 10) / unit) / 10).toLocaleString("en")} ${name}`;
}

/// Why it cannot be sent, in words; undefined: it can.
function objection(file) {
  const kind = kindOf(file);
  const labels = kinds.map(({ label }) => label).join(", ");
  if (!kind) return `This type of file is not taken here. Convert it to one of ${labels}.`;
  if (file.size === 0) return "The file is empty. Choose another.";
  if (file.size > kind.max) return `The file is too large: ${words(file.size)}. ${kind.label} may have ${kind.words}. Make it smaller.`;
  const taken = items.filter((item) => ["waiting", "sending", "stored", "unfinished"].includes(item.state)).length;
  if (taken < mostFiles) return undefined;
  if (isSeveral) return `One page takes ${mostFiles} files. Ask for another link in the chat.`;
  return "This link takes one file. Ask for a link for several in the chat.";
}

function add(files) {
  if (isOver) return;
  for (const file of files) {
    const known = items.find((item) => item.state !== "gone" && item.name === file.name && item.size === file.size);
    if (known && known.state !== "unfinished" && known.state !== "failed") {
      tell(`${file.name} is in the list already.`);
      continue;
    }
    const isOpen = known ?? (isSeveral ? undefined : items.find((item) => item.state === "unfinished"));
    if (isOpen && (isSeveral || isOpen.size === undefined || isOpen.size === file.size)) {
      Object.assign(isOpen, { file, name: file.name, size: file.size, state: "waiting" });
      picture(isOpen);
      say(isOpen, "Waiting…");
      continue;
    }
    const why = objection(file);
    const state = why ? "failed" : "waiting";
    const key = `${file.lastModified}:${file.size}:${file.name.slice(-120)}`;
    const item = row({ key, file, name: file.name, size: file.size, state, isRefused: Boolean(why) });
    say(item, why ?? "Waiting…");
    if (why) tell(`${file.name}: ${why}`);
  }
  pump();
}

function remove(item) {
  if (item.state === "stored") return;
  item.state = "gone";
  for (const stop of item.stops) stop();
  if (item.url) ask(item.url, { method: "DELETE" }).catch(() => {});
  const next = item.view.nextElementSibling ?? item.view.previousElementSibling;
  item.view.remove();
  items.splice(items.indexOf(item), 1);
  // Who removed it by keyboard must not fall back to the top of the page.
  (next?.querySelector("button:not([hidden])") ?? $("choose")).focus();
  tell(`${item.name} is removed.`);
  pump();
}

function retry(item) {
  if (item.state === "unfinished") return $("files").click();
  item.state = "waiting";
  say(item, "Waiting…");
  item.view.querySelector(".remove").focus();
  pump();
}

// Showing.

function row(fields) {
  const view = $("row").content.firstElementChild.cloneNode(true);
  const item = { received: new Set(), stops: new Set(), sent: 0, ...fields, view };
  view.querySelector(".retry").addEventListener("click", () => retry(item));
  view.querySelector(".remove").addEventListener("click", () => remove(item));
  items.push(item);
  $("rows").append(view);
  picture(item);
  return item;
}

function picture(item) {
  const { view, file } = item;
  const id = `file-${items.indexOf(item)}-${Math.random().toString(36).slice(2, 8)}`;
  const name = view.querySelector(".row-name");
  name.textContent = item.name ?? "A file";
  name.id = id;
  view.querySelector("progress").setAttribute("aria-labelledby", id);
  view.querySelector(".size").textContent = item.size === undefined ? "" : words(item.size);
  view.querySelector(".remove .unseen").textContent = ` ${item.name}`;
  view.querySelector(".extension").textContent = (item.name ?? "").split(".").pop().slice(0, 4).toUpperCase();
  if (!file?.type.startsWith("image/") || !kindOf(file) || file.size > LARGEST_THUMBNAIL_BYTES) return;
  const image = view.querySelector("img");
  image.onload = () => {
    [image.hidden, view.querySelector(".extension").hidden] = [false, true];
    URL.revokeObjectURL(image.src);
  };
  image.src = URL.createObjectURL(file);
}

function progress(item, sent) {
  item.sent = Math.min(sent, item.size);
  const percent = Math.floor((100 * item.sent) / item.size);
  item.view.querySelector("progress").value = percent;
  if (item.state === "sending") say(item, percent >= 100 ? "Finishing…" : `Sending… ${percent} %`);
  showSum();
}

function say(item, text) {
  const said = item.view.querySelector(".said");
  if (said.textContent !== text) said.textContent = text;
  item.view.dataset.state = item.state;
  const again = item.view.querySelector(".retry");
  again.hidden = !(item.state === "unfinished" || (item.state === "failed" && !item.isRefused));
  again.textContent = item.state === "unfinished" ? "Choose it again" : "Try again";
  again.setAttribute("aria-label", `${again.textContent}: ${item.name}`);
  item.view.querySelector(".remove").hidden = item.state === "stored";
  item.view.querySelector("progress").hidden = item.state === "failed" || item.state === "stored";
}

let announced = 0;

/// Of everything that is being sent: in words for the eye, and every quarter for the ear.
function showSum() {
  const stored = items.filter((item) => item.state === "stored").length;
  const active = items.filter((item) => item.state === "sending" || item.state === "waiting");
  const wanted = items.filter((item) => !item.isRefused).length;
  $("summary").textContent = wanted > 0 ? `${stored} of ${wanted} stored` : "";
  if (active.length === 0) return void (announced = 0);
  const all = active.reduce((sum, item) => sum + item.size, 0);
  const quarter = Math.floor((4 * active.reduce((sum, item) => sum + item.sent, 0)) / all);
  if (announced === 0) {
    announced = 1;
    tell(active.length === 1 ? `Sending ${active[0].name}.` : `Sending ${active.length} files.`);
  } else if (quarter >= announced && quarter < 4) {
    announced = quarter + 1;
    tell(`${quarter * 25} percent sent.`);
  }
}

function show() {
  const isSending = items.some((item) => item.state === "sending" || item.state === "waiting");
  const stored = items.filter((item) => item.state === "stored").length;
  $("list").hidden = items.length === 0;
  $("done").disabled = isSending || stored === 0;
  showSum();
  if (!isSeveral && stored > 0 && !isOver) over(stored);
}

// Sentences in quick succession must not overwrite each other before they are heard.
const sentences = [];
let isTelling = false;

function tell(sentence) {
  sentences.push(sentence);
  if (!isTelling) hear();
}
function hear() {
  const sentence = sentences.splice(0).join(" ");
  isTelling = sentence !== "";
  if (!isTelling) return;
  $("announcer").textContent = sentence;
  setTimeout(hear, 1500);
}

function over(stored) {
  const what = stored === 1 ? "1 file is there" : `${stored} files are there`;
  end(what, "Go back to the chat: your AI app can use what you uploaded. You can close this page.");
}

function end(title, next) {
  isOver = true;
  for (const id of ["drop", "finish", "until"]) $(id).hidden = true;
  $("title").textContent = title;
  $("lead").textContent = next;
  document.title = `${title} · Atelier`;
  $("title").focus();
  tell(`${title}. ${next}`);
}

function closed(told) {
  if (isOver || items.some((item) => item.state === "sending")) return;
  if (told.state === "stored") return over(told.files.filter(({ state }) => state === "stored").length);
  end("This link has expired", "Go back to the chat and ask for a new upload link.");
}

function showExpiry(iso) {
  expiresAt = new Date(iso);
  $("expires").dateTime = iso;
  $("expires").textContent = expiresAt.toLocaleTimeString([], { timeStyle: "short" });
}

/// How the link is; what was begun before a reload comes back into the list.
async function look(isFirst = false) {
  const told = await ask(`${base}/state`).catch((fault) => fault);
  if (told.code === "SESSION_EXPIRED") return closed({ state: "expired" });
  if (told instanceof Error) return void (isFirst && setTimeout(look, LONGEST_WAIT_MILLIS, true));
  showExpiry(told.expires_at);
  if (told.state === "expired" || (told.state === "stored" && isSeveral)) return closed(told);
  if (isFirst) for (const file of told.files) recall(file);
  show();
}

function recall(file) {
  const isUntouched = !isSeveral && file.state === "pending" && !file.received_parts?.length;
  if (file.state === "expired" || isUntouched) return;
  const { key, name, size } = file;
  const item = row({ key, name, size, state: file.state === "stored" ? "stored" : "unfinished" });
  note(item, file);
  if (item.isStored) return say(item, "Stored");
  if (item.partBytes && size) progress(item, Math.min(size, item.received.size * item.partBytes));
  say(item, file.error ? `${file.error.message} ${file.error.next}` : `Not finished. Choose ${name} again to go on.`);
}

// What the person does.

$("choose").addEventListener("click", () => $("files").click());
$("photograph")?.addEventListener("click", () => $("camera").click());
for (const input of [$("files"), $("camera")]) {
  input.addEventListener("change", () => {
    add([...input.files]);
    // The same file may be chosen again.
    input.value = "";
  });
}
const dragging = (isOverIt) => $("drop").classList.toggle("over-it", isOverIt);
addEventListener("dragover", (event) => {
  event.preventDefault();
  dragging(true);
});
// Out of the window, not from one element to the next.
addEventListener("dragleave", (event) => event.relatedTarget ?? dragging(false));
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(false);
  add([...event.dataTransfer.files]);
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length === 0) return void tell("There is no file in what you pasted.");
  event.preventDefault();
  // Every pasted picture is called image.png.
  const now = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  add(files.map((file) => (file.name === "image.png" ? new File([file], `pasted-${now}.png`, file) : file)));
});
$("done").addEventListener("click", async () => {
  $("done").disabled = true;
  try {
    over((await ask(`${base}/done`, { method: "POST", body: {} })).files.filter(({ state }) => state === "stored").length);
  } catch (fault) {
    $("done-hint").textContent = fault.message;
    tell(fault.message);
    show();
  }
});
addEventListener("beforeunload", (event) => {
  if (items.some((item) => item.state === "sending" || item.state === "waiting")) event.preventDefault();
});
setInterval(() => {
  if (!isOver && (new Date() >= expiresAt || items.some((item) => item.state === "sending"))) look();
}, LOOK_EVERY_MILLIS);

$("open").hidden = false;
$("until").hidden = false;
look(true);
