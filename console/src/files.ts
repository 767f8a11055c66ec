/** Files that a page gives to whoever looks at it. */

/** A text with an apostrophe before what a spreadsheet would take for a formula: at its beginning, and behind what
 * begins a cell where commas don't. As in control/logs/files.py. */
function withoutFormulas(text: string): string {
  const apart = text.replace(/([;\s"]+)([=+\-@\uff1d\uff0b\uff0d\uff20]?)/g, (gap: string, between: string, sign: string) =>
    sign && /[;\t\r\n]/.test(between) ? `${between}'${sign}` : gap,
  );
  return /^(?:[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/.test(apart) ? `'${apart}` : apart;
}

/** Rows as CSV. */
export function csv(rows: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown): string => {
    const plain = value == null ? "" : typeof value === "string" ? withoutFormulas(value) : String(value);
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

export function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(address);
}
