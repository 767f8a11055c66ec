/** Requests as a line for a terminal. */

import { address } from "./api";

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A request of the data plane with `$PENSTOCK_KEY` as its key. A body that is no text is JSON. */
export function asCurl(path: string, body: unknown, headers: Record<string, string> = {}, method = "POST"): string {
  // A path may be any caller's: a shell must see no part of it as its own.
  const lines = [`curl ${quoted(address(path))}`];
  if (method !== "POST") lines.push(`-X ${quoted(method)}`);
  lines.push('-H "authorization: Bearer $PENSTOCK_KEY"');
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body != null) {
    if (!("content-type" in headers)) lines.push("-H 'content-type: application/json'");
    // -d would take a body that begins with @ for the name of a file.
    lines.push(`--data-raw ${quoted(typeof body === "string" ? body : JSON.stringify(body, null, 2))}`);
  }
  return lines.join(" \\\n  ");
}
