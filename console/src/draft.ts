/** What somebody types into forms. It stays while this tab is open: whoever goes to another page, or leaves a dialog
 *  otherwise than by Cancel, finds it again. It is kept in memory alone, and a field of a secret only while it can be
 *  seen. The gateway's answer never takes the place of what is typed: who goes on typing while a save is under way keeps
 *  all of it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Action } from "./load";
import { isWithin } from "./route";

export interface Draft<T> {
  value: T;
  change: (more: Partial<T> | ((now: T) => Partial<T>)) => void;
  /** Something is typed that the gateway does not have. */
  isChanged: boolean;
  /** It was typed before this form was opened. */
  isOfBefore: boolean;
  /** What is typed takes the place of what somebody else has saved since it was typed. */
  isOutdated: boolean;
  /** The last save has succeeded, and nothing was typed since it began. */
  isSaved: boolean;
  /** Save it with `work`, which gets what is typed and what the gateway is known to have. Whether it succeeded. */
  save: (action: Action, work: (value: T, before: T) => Promise<unknown>) => Promise<boolean>;
  /** Begin anew with what the gateway is known to have. */
  discard: () => void;
}

interface Options<T> {
  /** Members that are forgotten when their form is left. */
  secrets?: readonly (keyof T)[];
  /** It is typed to be tried, not to be saved: nobody is warned of its loss. */
  isScratch?: boolean;
}

type Members = Record<string, unknown>;

interface Entry {
  /** The address of the page where it is typed, such as `#/keys/ID`; with what follows `?`, a part of that page. */
  place: string;
  value: Members;
  /** What the gateway is known to have. */
  before: Members;
  saved?: Members;
  isOfBefore: boolean;
  isOutdated: boolean;
  isScratch: boolean;
  /** Draws the form that shows it. */
  draw?: (() => void) | undefined;
  /** What it belongs to is gone, or whoever typed it. */
  isForgotten?: boolean;
}

/** What differs from what the gateway has, by place. */
const kept = new Map<string, Entry>();
const watching = new Set<() => void>();

const differ = (a: unknown, b: unknown): boolean => a !== b && JSON.stringify(a) !== JSON.stringify(b);

/** The members of a body that differ from those of another one: what nobody changed here may have been changed by
 *  somebody else meanwhile, and a field may tell less than the gateway has, such as a moment without its seconds. */
export const changed = (body: Members, before: Members): Members =>
  Object.fromEntries(Object.entries(body).filter(([name, each]) => differ(each, before[name])));

const isChanged = (entry: Entry): boolean => Object.keys(changed(entry.value, entry.before)).length > 0;

/** The places whose text would be lost, in the order in which it was begun. */
const unsaved = (): string[] => [...kept.values()].filter((entry) => !entry.isScratch).map((entry) => entry.place);

const warn = (event: BeforeUnloadEvent): void => event.preventDefault();

/** Keep what differs, and nothing else. */
function note(entry: Entry): void {
  if (entry.isForgotten) return;
  const known = kept.get(entry.place);
  if (isChanged(entry)) kept.set(entry.place, entry);
  else if (known === entry) kept.delete(entry.place);
  if (known !== kept.get(entry.place)) announce();
}

function announce(): void {
  // Only then: a browser keeps no page for its way back that listens for this.
  if (unsaved().length > 0) window.addEventListener("beforeunload", warn);
  else window.removeEventListener("beforeunload", warn);
  watching.forEach((each) => each());
}

/** Forget what was typed at a place and at its parts, which is gone; everything where it is nobody's any more. */
export function forgetDrafts(gone?: string): void {
  for (const [place, entry] of kept) {
    if (gone !== undefined && !isWithin(place, gone)) continue;
    entry.isForgotten = true;
    kept.delete(place);
  }
  announce();
}

/** The addresses of what is typed and not saved, in one drawing after the other. */
export function useUnsaved(): string[] {
  const [places, setPlaces] = useState(unsaved);
  useEffect(() => {
    const look = (): void => {
      const next = unsaved();
      setPlaces((now) => (now.join(" ") === next.join(" ") ? now : next));
    };
    watching.add(look);
    look();
    return () => {
      watching.delete(look);
    };
  }, []);
  return places;
}

/** The entry of a place. What was typed there before is put over what the gateway has now, member by member. */
function open(place: string, begin: Members, isScratch: boolean): Entry {
  const entry = kept.get(place);
  if (!entry) return { place, value: begin, before: begin, isOfBefore: false, isOutdated: false, isScratch };
  const own = changed(entry.value, entry.before);
  entry.isOutdated = Object.keys(own).some((name) => differ(begin[name], entry.before[name]) && differ(begin[name], own[name]));
  entry.value = { ...begin, ...own };
  entry.before = begin;
  entry.isOfBefore = true;
  note(entry);
  return entry;
}

/** What is typed at a place (`Entry.place`). A form whose thing gets an address when it is made moves there with it. */
export function useDraft<T extends object>(place: string, begin: () => T, options: Options<T> = {}): Draft<T> {
  const [, setTurn] = useState(0);
  const [entry] = useState(() => open(place, begin() as Members, options.isScratch ?? false));
  const secrets = useRef(options.secrets ?? []);
  useEffect(() => {
    if (entry.place === place) return;
    if (kept.get(entry.place) === entry) kept.delete(entry.place);
    entry.place = place;
    note(entry);
    announce();
  }, [place]);
  const draw = useRef(() => setTurn((turn) => turn + 1));
  entry.draw = draw.current;
  useEffect(
    () => () => {
      if (entry.draw !== draw.current) return;
      entry.draw = undefined;
      const empty = secrets.current.map((name) => [name, entry.before[name as string]]);
      if (empty.length > 0) entry.value = { ...entry.value, ...Object.fromEntries(empty) };
      note(entry);
    },
    [],
  );
  const set = (value: Members): void => {
    entry.value = value;
    note(entry);
    entry.draw?.();
  };
  const hasChanged = isChanged(entry);
  return {
    value: entry.value as T,
    change: (more) => set({ ...entry.value, ...(typeof more === "function" ? more(entry.value as T) : more) }),
    isChanged: hasChanged,
    isOfBefore: entry.isOfBefore && hasChanged,
    isOutdated: entry.isOutdated && hasChanged,
    isSaved: entry.saved === entry.value,
    save: async (action, work) => {
      const { value, before } = entry;
      delete entry.saved;
      const isDone = await action.run(() => work(value as T, before as T));
      if (isDone) {
        entry.before = entry.saved = value;
        entry.isOfBefore = entry.isOutdated = false;
        note(entry);
        entry.draw?.();
      }
      return isDone;
    },
    discard: () => {
      entry.isOfBefore = entry.isOutdated = false;
      set(entry.before);
    },
  };
}

export const SAVED = "Saved, in force within a second or two.";
