/** Lists and names with values as people type them: a line each. */

export const asLines = (values: readonly string[] | null | undefined): string => (values ?? []).join("\n");

/** The lines of a text; null for none. */
export function lines(text: string): string[] | null {
  const found = text.split(/[\n,]/).map((each) => each.trim()).filter(Boolean);
  return found.length ? found : null;
}

export const asPairs = (values: Record<string, unknown> | null | undefined): string =>
  Object.entries(values ?? {})
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("\n");

/** `NAME=VALUE` lines as an object. Throws an Error that names a line of another form: it would be lost. */
export function pairs(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split("\n").filter((each) => each.trim())) {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`NAME=VALUE is expected, and a line says ${line.trim()}`);
    found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}
