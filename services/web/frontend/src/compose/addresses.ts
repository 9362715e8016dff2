// What people type and paste as addresses: "A <a@x>, b@y; c", lines, quoted names, groups "Team: a@x, b@y;".

const ATOM = '[^\\s@<>()\\[\\]\\\\,;:"]+';
const ADDRESS = new RegExp(`^(?:${ATOM}|"[^"\\r\\n]{1,64}")@(?:${ATOM}|\\[[0-9A-Fa-f:.]+\\])$`, "u");

/** The entries of a list; separators within quotes, comments, <> and groups do not count. `rest` is what no separator ended. */
export function split(text: string): { entries: string[]; rest: string } {
  const entries: string[] = [];
  let current = "";
  let quoted = false;
  let depth = 0;
  let angle = false;
  let group = false;
  for (let at = 0; at < text.length; at++) {
    const c = text[at] ?? "";
    if (c === "\\" && (quoted || depth)) {
      current += c + (text[++at] ?? "");
      continue;
    }
    if (c === '"' && !depth) quoted = !quoted;
    else if (!quoted && c === "(") depth++;
    else if (!quoted && c === ")" && depth) depth--;
    else if (!quoted && !depth && c === "<") angle = true;
    else if (!quoted && !depth && c === ">") angle = false;
    const free = !quoted && !depth && !angle;
    if (free && c === ":" && !/^\s*mailto$/i.test(current)) group = true;
    if (free && ((!group && /[,;\n\t]/.test(c)) || (group && c === ";"))) {
      if (group) current += c;
      group = false;
      if (current.trim()) entries.push(current.trim());
      current = "";
      continue;
    }
    current += c === "\n" ? " " : c;
  }
  return { entries, rest: current };
}

/** The entries of a list from elsewhere: as above, and a table's rows with names beside addresses, addresses with nothing
 * but space between them, and a "Last, First <a@x>" that begins an entry without its quotes, as Outlook copies it. */
export function pasted(text: string): string[] {
  const lines = text.replace(/\r/g, "").split("\n").map((line) => {
    const cells = line.split("\t").map((cell) => cell.trim()).filter(Boolean);
    const [address, more] = cells.filter(valid);
    if (!address || more || cells.length < 2) return line;
    const name = cells.filter((cell) => !cell.includes("@")).slice(0, 2).join(" ");
    return written({ name, address: addressOf(address) });
  });
  const quoted = lines.join("\n").replace(/(^|[;\n])[ ]*([^<>"@,;:\n]+,[^<>"@,;:\n]+?)\s*<([^<>@\s]+@[^<>\s]+)>/g, (_, end: string, name: string, address: string) => `${end}${written({ name: name.trim(), address })}`);
  const { entries, rest } = split(quoted);
  return [...entries, rest.trim()].flatMap((entry) => (/^[^\s"<>]+@[^\s<>]+(?:\s+[^\s"<>]+@[^\s<>]+)+$/.test(entry) ? entry.split(/\s+/) : entry)).filter(Boolean);
}

export function addressOf(entry: string): string {
  const match = /<([^<>]*)>\s*(?:\([^()]*\))?$/.exec(entry.trim());
  return (match?.[1] ?? entry).trim().replace(/^mailto:/i, "");
}

/** The name to show for an entry: the person's or the group's, else the address. */
export function nameOf(entry: string): string {
  if (isGroup(entry)) return entry.slice(0, entry.indexOf(":")).trim().replace(/^"|"$/g, "");
  const name = /^(.*)<[^<>]*>/.exec(entry.trim())?.[1]?.trim() ?? "";
  return name.replace(/^"(.*)"$/, "$1").replace(/\\(.)/g, "$1") || addressOf(entry);
}

export const isGroup = (entry: string): boolean => /^[^<"@]*:.*;$/s.test(entry);

export function valid(entry: string): boolean {
  if (isGroup(entry)) {
    const { entries, rest } = split(entry.slice(entry.indexOf(":") + 1, -1));
    return [...entries, rest].filter((one) => one.trim()).every(valid);
  }
  const address = addressOf(entry);
  const [local = "", domain = ""] = [address.slice(0, address.lastIndexOf("@")), address.slice(address.lastIndexOf("@") + 1)];
  if (!ADDRESS.test(address) || address.length > 320 || address.includes("..") || /^\.|\.$/.test(local)) return false;
  return domain.startsWith("[") || domain.split(".").every((label) => /^(?!-).{1,63}(?<!-)$/u.test(label));
}

export interface Person {
  name: string;
  address: string;
  /** Where it is a group: who is in it, as an address field has them. */
  members?: string[];
}

/** A person or a group as an address field has it (RFC 5322, 3.4): the name quoted where it needs to be. */
export function written({ name, address, members }: Person): string {
  if (!name) return address;
  const plain = /^[\p{L}\p{N} !#$%&'*+/=?^_`{|}~-]+$/u.test(name);
  const shown = plain ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
  return members?.length ? `${shown}: ${members.join(", ")};` : `${shown} <${address}>`;
}
