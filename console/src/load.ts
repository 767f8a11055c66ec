/** What a page reads of the gateway. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";

export interface Loaded<T> {
  data: T | undefined;
  error: ApiError | undefined;
  isLoading: boolean;
  reload: () => void;
}

/** What the pages that are open read. */
const looking = new Set<() => void>();
let isPaused = false;

/** Whether nobody looks at the pages: then none asks by itself. */
export function setPaused(paused: boolean): void {
  isPaused = paused;
}

/** Read all of it again: some may have been refused meanwhile. */
export const lookAgain = (): void => looking.forEach((load) => load());

/** What `read` gives, again whenever `inputs` change, and every `seconds` while the page can be seen. An answer that
 *  takes longer than that is waited for: the next look would only replace it. Whoever asks anew, maybe long after the
 *  drawing that they belong to, gets what the inputs of the last drawing stand for. */
export function useLoad<T>(read: () => Promise<T>, inputs: unknown[], seconds = 0): Loaded<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<ApiError>();
  const [isLoading, setLoading] = useState(true);
  const turn = useRef(0);
  const isWaiting = useRef(false);
  const load = useCallback(() => {
    const mine = ++turn.current;
    const done = (problem: ApiError | undefined): void => {
      isWaiting.current = false;
      setError(problem);
      setLoading(false);
    };
    isWaiting.current = true;
    setLoading(true);
    read().then(
      (value) => {
        if (mine !== turn.current) return;
        setData(() => value);
        done(undefined);
      },
      (problem: unknown) => {
        if (mine === turn.current) done(asError(problem));
      },
    );
  }, inputs);
  const newest = useRef<() => void>();
  useEffect(() => {
    newest.current = load;
    looking.add(load);
    load();
    return () => {
      looking.delete(load);
      newest.current = undefined;
      turn.current++;
    };
  }, [load]);
  useEffect(() => {
    if (!seconds) return undefined;
    const timer = window.setInterval(() => {
      if (!document.hidden && !isWaiting.current && !isPaused) load();
    }, seconds * 1000);
    return () => window.clearInterval(timer);
  }, [load, seconds]);
  const reload = useCallback(() => newest.current?.(), []);
  return { data, error, isLoading, reload };
}

export function asError(problem: unknown): ApiError {
  return problem instanceof ApiError ? problem : new ApiError(0, problem instanceof Error ? problem.message : String(problem));
}

/** Something that a button does: whether it is under way, and what went wrong the last time. It is done once at a time:
 *  `run` does nothing and gives false while it is. */
export interface Action {
  isBusy: boolean;
  error: ApiError | undefined;
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  // Two presses of a button may come before it is drawn as busy.
  const isUnderWay = useRef(false);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (isUnderWay.current) return false;
    isUnderWay.current = true;
    setBusy(true);
    setError(undefined);
    try {
      await work();
      return true;
    } catch (problem) {
      setError(asError(problem));
      return false;
    } finally {
      isUnderWay.current = false;
      setBusy(false);
    }
  };
  return { isBusy, error, run, clear: () => setError(undefined) };
}
