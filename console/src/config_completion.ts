/** What can stand where the caret is in a config: names of members, and values of those that name one of few. */

import { MEMBERS, VALUES } from "./config_members";
import { caretIn } from "./json_text";

export interface Option {
  label: string;
  /** The text with this put in, and where the caret is then. */
  put: () => { text: string; caret: number };
}

const MOST = 40;

export function completions(text: string, at: number): Option[] {
  const caret = caretIn(text, at);
  if (!caret) return [];
  const holder = caret.holder === "" || caret.holder === "targets" ? "config" : caret.holder;
  const known =
    caret.member === undefined
      ? (MEMBERS[holder] ?? []).filter((name) => !caret.names.has(name))
      : (VALUES[`${holder}.${caret.member}`] ?? VALUES[caret.member] ?? []);
  const typed = caret.typed.toLowerCase();
  const fitting = known.filter((each) => each.includes(typed) && each !== caret.typed);
  fitting.sort((one, other) => Number(other.startsWith(typed)) - Number(one.startsWith(typed)));
  return fitting.slice(0, MOST).map((label) => ({
    label,
    put: () => {
      const rest = text.slice(at);
      const closing = caret.isQuoted && rest.startsWith('"') ? 1 : 0;
      const colon = caret.member === undefined && !/^"?\s*:/.test(rest) ? ": " : "";
      const word = `${caret.isQuoted ? "" : '"'}${label}"${colon}`;
      const before = text.slice(0, caret.from) + word;
      return { text: before + rest.slice(closing), caret: before.length };
    },
  }));
}
