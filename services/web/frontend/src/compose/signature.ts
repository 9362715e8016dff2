// The signature follows the identity that writes. Only what is that signature to the letter is taken for it: what was
// changed in it, or stands around it, is its writer's.

const signed = (signature: string): string => (signature ? `-- \n${signature}` : "");

export function signPlain(area: HTMLTextAreaElement, old: string, next: string): void {
  const text = area.value;
  const from = signed(old);
  for (let at = from ? text.lastIndexOf(from) : -1; at >= 0; at = at ? text.lastIndexOf(from, at - 1) : -1) {
    const end = at + from.length;
    const alone = (at === 0 || text[at - 1] === "\n") && (end === text.length || text[end] === "\n");
    if (!alone) continue;
    area.setRangeText(signed(next), at, end, "preserve");
    return;
  }
  if (old || !next) return;
  const end = text.replace(/\s+$/, "").length;
  area.setRangeText(`\n\n${signed(next)}\n`, end, text.length, "preserve");
}

/** The lines of a block as they are read, or undefined where it holds other blocks. */
function linesOf(block: Element): string[] | undefined {
  if (block.tagName !== "DIV" && block.tagName !== "P") return undefined;
  if (block.querySelector("div, p, blockquote, ul, ol, table, img")) return undefined;
  const copy = block.cloneNode(true) as Element;
  for (const line of copy.querySelectorAll("br")) line.replaceWith(line.nextSibling ? "\n" : "");
  return (copy.textContent ?? "").replace(/\u00a0/g, " ").split("\n").map((line) => line.trimEnd());
}

/** The blocks that are the signature, to the letter; the last such run. */
function find(root: Element, signature: string): Element[] | undefined {
  const wanted = signed(signature).split("\n").map((line) => line.trimEnd());
  const blocks = [...root.children];
  for (let first = blocks.length - 1; first >= 0; first--) {
    const lines: string[] = [];
    for (let at = first; at < blocks.length && lines.length < wanted.length; at++) {
      const more = linesOf(blocks[at]!);
      if (!more) break;
      lines.push(...more);
      if (lines.length === wanted.length && lines.every((line, n) => line === wanted[n])) return blocks.slice(first, at + 1);
    }
  }
  for (const inner of blocks.reverse())
    if (inner.tagName === "DIV") {
      const found = find(inner, signature);
      if (found) return found;
    }
  return undefined;
}

function drawn(signature: string): Element[] {
  return signed(signature).split("\n").map((line) => {
    const block = document.createElement("div");
    block.append(line.replace(/ $/, "\u00a0") || document.createElement("br"));
    return block;
  });
}

export function signRich(root: HTMLElement, old: string, next: string): void {
  const there = old ? find(root, old) : undefined;
  if (there) {
    const [first, ...rest] = there;
    for (const block of rest) block.remove();
    if (next) first!.replaceWith(...drawn(next));
    else first!.remove();
    return;
  }
  if (old || !next) return;
  const gap = document.createElement("div");
  gap.append(document.createElement("br"));
  const quote = [...root.children].find((block) => block.matches("blockquote[type=cite]"));
  const place = quote?.previousElementSibling ?? quote;
  if (place) place.before(...drawn(next), gap);
  else root.append(gap, ...drawn(next));
}
