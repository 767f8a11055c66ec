/** What somebody types into a form that stays on the page when it is saved. The gateway's answer never takes the place
 *  of what is typed: who goes on typing while a save is under way keeps all of it. */

import { useRef, useState } from "preact/hooks";
import type { Action } from "./load";

export interface Draft<T> {
  value: T;
  change: (more: Partial<T> | ((now: T) => Partial<T>)) => void;
  /** The last save has succeeded, and nothing was typed since it began. */
  isSaved: boolean;
  /** Save it with `work`, which gets what is typed and what the gateway is known to have. Whether it succeeded. */
  save: (action: Action, work: (value: T, before: T) => Promise<unknown>) => Promise<boolean>;
}

export function useDraft<T extends object>(begin: () => T): Draft<T> {
  const [value, setValue] = useState(begin);
  const [saved, setSaved] = useState<T>();
  const known = useRef(value);
  return {
    value,
    change: (more) => setValue((now) => ({ ...now, ...(typeof more === "function" ? more(now) : more) })),
    isSaved: value === saved,
    save: async (action, work) => {
      setSaved(undefined);
      const isDone = await action.run(() => work(value, known.current));
      if (isDone) {
        known.current = value;
        setSaved(value);
      }
      return isDone;
    },
  };
}

/** The members of a body that differ from those of another one: what nobody changed here may have been changed by
 *  somebody else meanwhile, and a field may tell less than the gateway has, such as a moment without its seconds. */
export function changed(body: Record<string, unknown>, before: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );
}

export const SAVED = "Saved, in force within a second or two.";
