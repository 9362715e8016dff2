// Passkeys (WebAuthn): a form that names options asks the browser for one, and carries the answer home.
// The server speaks base64url where the browser wants bytes.

type Fields = Record<string, unknown>;

const bytes = (text: unknown): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(String(text).replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
const text = (buffer: ArrayBuffer | ArrayBufferView): string => {
  const view = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  return btoa(String.fromCharCode(...view)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

export function startPasskeys(root: ParentNode): void {
  const here = "PublicKeyCredential" in window;
  for (const part of root.querySelectorAll<HTMLElement>("[data-passkey-only]")) part.hidden = !here;
  for (const form of root.querySelectorAll<HTMLFormElement>("form[data-passkey]:not([data-ready])")) {
    form.dataset.ready = "";
    const run = (): void => void (here ? ask(form) : say(form, "none"));
    form.querySelector("[data-passkey-use]")?.addEventListener("click", run);
    if (form.dataset.passkeyNow !== undefined) run();
  }
}

async function ask(form: HTMLFormElement): Promise<void> {
  const creates = form.dataset.passkey === "create";
  say(form);
  try {
    const options = read(JSON.parse(form.dataset.options ?? "{}"));
    const found = creates
      ? await navigator.credentials.create({ publicKey: options as unknown as PublicKeyCredentialCreationOptions })
      : await navigator.credentials.get({ publicKey: options as unknown as PublicKeyCredentialRequestOptions });
    if (!(found instanceof PublicKeyCredential)) return say(form, "failed");
    (form.elements.namedItem("response") as HTMLInputElement).value = JSON.stringify(written(found));
    form.noValidate = true; // the code field beside it stays empty
    form.requestSubmit(); // heard where signing in is a dialog over a page
  } catch (error) {
    say(form, error instanceof DOMException && error.name === "InvalidStateError" ? "known" : "failed");
  }
}

/** Says one of the texts that the page brings: data-none, data-failed, data-known. */
function say(form: HTMLFormElement, what = ""): void {
  const line = form.querySelector<HTMLElement>("[data-passkey-said]");
  if (line) line.textContent = (what && line.dataset[what]) || "";
}

function read(options: Fields): Fields {
  const descriptor = (one: Fields): Fields => ({ ...one, id: bytes(one.id) });
  const out: Fields = { ...options, challenge: bytes(options.challenge) };
  for (const name of ["excludeCredentials", "allowCredentials"]) {
    if (options[name]) out[name] = (options[name] as Fields[]).map(descriptor);
  }
  if (options.user) out.user = descriptor(options.user as Fields);
  const extensions = options.extensions as { prf?: { eval: { first: string } } } | undefined;
  if (extensions?.prf) out.extensions = { ...extensions, prf: { eval: { first: bytes(extensions.prf.eval.first) } } };
  return out;
}

function written(found: PublicKeyCredential): Fields {
  const from = found.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: Fields = { clientDataJSON: text(from.clientDataJSON) };
  if (from.attestationObject) response.attestationObject = text(from.attestationObject);
  if (from.getTransports) response.transports = from.getTransports();
  if (from.authenticatorData && from.signature) {
    response.authenticatorData = text(from.authenticatorData);
    response.signature = text(from.signature);
    if (from.userHandle) response.userHandle = text(from.userHandle);
  }
  const { prf, ...others } = found.getClientExtensionResults() as Fields & { prf?: { results?: { first?: ArrayBuffer } } };
  const first = prf?.results?.first;
  const results = { ...others, prf: first ? { results: { first: text(first) } } : {} };
  return { id: found.id, rawId: text(found.rawId), type: found.type, response, clientExtensionResults: results };
}
