/** What a page reads of the gateway. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";

export interface Loaded<T> {
  data: T | undefined;
  error: ApiError | undefined;
  isLoading: boolean;
  reload: () => void;
}

/** What `read` gives, again whenever `inputs` change, and every `seconds` while the page can be seen. */
export function useLoad<T>(read: () => Promise<T>, inputs: unknown[], seconds = 0): Loaded<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<ApiError>();
  const [isLoading, setLoading] = useState(true);
  const turn = useRef(0);
  const load = useCallback(() => {
    const mine = ++turn.current;
    setLoading(true);
    read().then(
      (value) => {
        if (mine !== turn.current) return;
        setData(() => value);
        setError(undefined);
        setLoading(false);
      },
      (problem: unknown) => {
        if (mine !== turn.current) return;
        setError(asError(problem));
        setLoading(false);
      },
    );
  }, inputs);
  useEffect(() => {
    load();
    return () => {
      turn.current++;
    };
  }, [load]);
  useEffect(() => {
    if (!seconds) return undefined;
    const timer = window.setInterval(() => {
      if (!document.hidden) load();
    }, seconds * 1000);
    return () => window.clearInterval(timer);
  }, [load, seconds]);
  return { data, error, isLoading, reload: load };
}

export function asError(problem: unknown): ApiError {
  return problem instanceof ApiError ? problem : new ApiError(0, problem instanceof Error ? problem.message : String(problem));
}

/** Something that a button does: whether it is under way, and what went wrong the last time. */
export interface Action {
  isBusy: boolean;
  error: ApiError | undefined;
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
      return true;
    } catch (problem) {
      setError(asError(problem));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, error, run, clear: () => setError(undefined) };
}
