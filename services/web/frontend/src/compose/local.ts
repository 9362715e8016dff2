// The copy that this browser keeps of a letter while it is written: in IndexedDB, which outlives a killed tab or browser,
// sealed with AES-GCM under a key of the account that only a signed-in page gets. Gone once the letter is sent, closed
// or discarded, and at signing out.
import { KEPT, OPEN } from "../composer";

export type Fields = [string, string][];

export interface Kept {
  id: string;
  account: string;
  at: number;
  /** Everything in it is in Drafts too. */
  saved: boolean;
  fields: Fields;
}

interface Stored extends Omit<Kept, "fields"> {
  iv: Uint8Array<ArrayBuffer>;
  data: ArrayBuffer;
}

const STALE = 30 * 86_400_000;
let opening: Promise<IDBDatabase> | undefined;
let keying: Promise<{ key: CryptoKey; account: string }> | undefined;

function database(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("postern", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("letters", { keyPath: "id" });
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close(); // signing out deletes it
      resolve(request.result);
    };
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });
  return opening;
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await database()).transaction("letters", mode);
  return new Promise((resolve, reject) => {
    const request = work(transaction.objectStore("letters"));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error("IndexedDB"));
  });
}

function accountKey(): Promise<{ key: CryptoKey; account: string }> {
  keying ??= (async () => {
    const response = await fetch("/compose/key", { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const { key, account } = (await response.json()) as { key: string; account: string };
    const raw = Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    return { key: await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]), account };
  })();
  keying.catch(() => (keying = undefined));
  return keying;
}

/** Fetches the key ahead of the first word. */
export const ready = async (): Promise<void> => void (await accountKey());

export async function keep(id: string, fields: Fields, saved: boolean): Promise<void> {
  const { key, account } = await accountKey();
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(JSON.stringify(fields)));
  const stored: Stored = { id, account, at: Date.now(), saved, iv, data };
  await run("readwrite", (store) => store.put(stored));
  localStorage.setItem(KEPT, "1");
}

export async function forget(id: string): Promise<void> {
  localStorage.removeItem(`postern-closed-${id}`);
  await run("readwrite", (store) => store.delete(id));
  if (!(await run("readonly", (store) => store.count()))) localStorage.removeItem(KEPT);
}

/** Letters of this account that no open page holds, oldest first; what was put away in good order is left out. */
export async function found(): Promise<Kept[]> {
  const all = await run("readonly", (store) => store.getAll() as IDBRequest<Stored[]>);
  if (!all.length) {
    localStorage.removeItem(KEPT);
    return [];
  }
  const { key, account } = await accountKey();
  const held = new Set((await navigator.locks.query()).held?.map((lock) => lock.name));
  const reopening = opened();
  const letters: Kept[] = [];
  for (const { iv, data, ...rest } of all) {
    if (held.has(lockName(rest.id)) || rest.account !== account) continue;
    const putAway = rest.saved && localStorage.getItem(`postern-closed-${rest.id}`) && !reopening.includes(rest.id);
    if (putAway || Date.now() - rest.at > STALE) {
      await forget(rest.id);
      continue;
    }
    try {
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, data);
      letters.push({ ...rest, fields: JSON.parse(new TextDecoder().decode(plain)) as Fields });
    } catch {
      // Sealed under another key: the operator changed it. It may come back; until then nobody can read it.
    }
  }
  return letters.sort((a, b) => a.at - b.at);
}

export const opened = (): string[] => JSON.parse(sessionStorage.getItem(OPEN) ?? "[]") as string[];

export const lockName = (id: string): string => `postern-letter-${id}`;

/** The name to keep a letter under: its own, or another where a page holds that one (the same draft in two tabs). */
export async function claim(id: string): Promise<{ id: string; release: () => void }> {
  let release = (): void => undefined;
  const hold = (name: string): Promise<boolean> =>
    new Promise((resolve) => {
      void navigator.locks.request(lockName(name), { ifAvailable: true }, (lock) => {
        resolve(Boolean(lock));
        return lock ? new Promise<void>((done) => (release = done)) : undefined;
      });
    });
  if (!(await hold(id))) {
    id = `${id}.${crypto.randomUUID().slice(0, 8)}`;
    await hold(id);
  }
  localStorage.removeItem(`postern-closed-${id}`);
  return { id, release: () => release() };
}
